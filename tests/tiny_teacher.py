"""A BERT of a few kilobytes that a MobileBERT of fewer can take after, and questions for both."""

from pathlib import Path

import torch
from datasets import Dataset
from transformers import BertForQuestionAnswering

from analog_bench.tasks.squad import FEATURES
from analog_bench.zoo.architecture import Architecture, MobileBlocks
from analog_bench.zoo.load import LoadedModel, bert_config
from analog_bench.zoo.specs import ModelSpec
from analog_bench.zoo.tokenizer import read_tokenizer

TEXT = "the fox saw a red barn near old mill and green pond by blue gate who what where ? ."
WORDS = TEXT.split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
TEACHER = Architecture("bert", 2, 32, 2, 48, len(VOCABULARY), 64)
BLOCKS = MobileBlocks(12, True, 16, False, True, 2, "no_norm")
STUDENT = Architecture("mobilebert", 2, 32, 2, 20, len(VOCABULARY), 64, BLOCKS)


def teacher_of(folder: Path, seed=0):
    path = folder / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n")
    tokenizer = read_tokenizer({"vocab.txt": path}, "bert", TEACHER.positions)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForQuestionAnswering(bert_config(TEACHER))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    # Larger than BERT's first weights, so that the blocks matter.
                    parameter.mul_(8)
            model.qa_outputs.bias.copy_(torch.tensor([0.3, -0.2]))
    spec = ModelSpec("tiny", "bert", "qa", "embedded", None, TEACHER)
    return LoadedModel(spec, model.eval(), tokenizer, f"{seed:064}")


def questions_of(count=24, titles=4, seed=0):
    """Make questions whose answers are words that stand once in their contexts."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for number in range(count):
        length = int(torch.randint(8, 19, (), generator=generator))
        words = [WORDS[n] for n in torch.randperm(18, generator=generator)[:length].tolist()]
        context = " ".join(words)
        # A word that no other one holds: "a" stands in "barn".
        answer = next(w for w in words[number % 4 :] if context.count(w) == 1)
        rows.append(
            {
                "id": f"q{number}",
                "title": f"title {number % titles}",
                "context": context,
                "question": f"where {words[1]} ?",
                "answers": {"text": [answer], "answer_start": [context.index(answer)]},
            }
        )
    return Dataset.from_list(rows, features=FEATURES)
