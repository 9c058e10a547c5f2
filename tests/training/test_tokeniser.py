"""The tokeniser that the embedded language model learnt."""

from tests.tiny_gpt2 import PROSE
from training.tokeniser import END_OF_TEXT, learn_bpe


def test_bpe_is_the_same_every_time_and_loses_nothing():
    first, second = learn_bpe([PROSE], 350), learn_bpe([PROSE], 350)
    assert first.to_str() == second.to_str()
    assert first.get_vocab_size() == 350
    assert first.token_to_id(END_OF_TEXT) == 0
    for text in (PROSE, "\x00\t\r\n  naïve 😀日本", " a", "a "):
        assert first.decode(first.encode(text).ids) == text
    # It learnt: words of the text are short, other words are spelled out.
    assert len(first.encode(PROSE).ids) < len(PROSE.encode()) / 2.5
