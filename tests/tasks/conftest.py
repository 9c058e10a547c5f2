from tests.real_questions import embedded, tokenizer

__all__ = ["embedded", "tokenizer"]
