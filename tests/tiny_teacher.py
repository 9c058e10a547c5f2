"""A BERT of a few kilobytes that a MobileBERT of fewer can take after, and questions for both."""

from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoConfig, BertForQuestionAnswering, BertTokenizerFast

from analog_bench.tasks.squad_files import FEATURES
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.tokenizer import make_tokenizer

TEXT = "the fox saw a red barn near old mill and green pond by blue gate who what where ? ."
WORDS = TEXT.split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
_SIZES = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def bert_of():
    """Return the teacher's configuration."""
    heads = {"architectures": ["BertForQuestionAnswering"], "layer_norm_eps": 1e-12}
    return AutoConfig.for_model("bert", intermediate_size=48, **_SIZES, **heads)


def student_of(**changes):
    """Return the student's configuration; `changes` are options of it."""
    blocks = {"embedding_size": 12, "intra_bottleneck_size": 16, "num_feedforward_networks": 2}
    sizes = {**_SIZES, "intermediate_size": 20, **blocks}
    return AutoConfig.for_model("mobilebert", **{**sizes, **changes})


def teacher_of(folder: Path, seed=0):
    path = folder / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n")
    tokenizer = make_tokenizer(BertTokenizerFast(vocab=str(path)).backend_tokenizer, 64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForQuestionAnswering(bert_of())
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    # Larger than BERT's first weights, so that the blocks matter.
                    parameter.mul_(8)
            model.qa_outputs.bias.copy_(torch.tensor([0.3, -0.2]))
    spec = ModelSpec("tiny", "embedded", None, observe(bert_of(), "tiny"))
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
