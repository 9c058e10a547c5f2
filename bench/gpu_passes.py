"""What gpu.py times: models on a device, their passes, and chips programmed and read."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertForQuestionAnswering

from analog_bench.analog.chip import Chip, install
from analog_bench.analog.input_ranges import observe_input_ranges
from analog_bench.analog.layer_manifest import manifest, prepare
from analog_bench.engine.batch_reader import BatchReader
from analog_bench.engine.computing import computing
from analog_bench.noise import Noise, Pcm, Preset, WhiteOutput, WhiteWeight
from analog_bench.records import Precision
from analog_bench.simulators.registry import DEFAULT_TILE, find_simulator
from analog_bench.tasks.data_folder import data_folder
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.tasks.token_batches import make_batches
from analog_bench.zoo.lock_file import FILE_NAME, read_lock
from analog_bench.zoo.model_loading import LoadedModel, load
from analog_bench.zoo.model_specs import find

LOCK = Path(FILE_NAME)
DAY_S = 86_400.0
REPEATS = 5
WINDOWS: dict[Precision, int] = {"float32": 32, "tf32": 64, "bfloat16": 64}
"""Precision to the windows a batch of plain transformers, which is what was fastest on an H200."""
_NAMES = ("input_ids", "token_type_ids", "attention_mask")


def loaded_model(name: str, device: torch.device) -> LoadedModel:
    """Load an embedded model whose layers can be noisy."""
    loaded = load(find(name, "embedded", read_lock(LOCK)), lock_path=LOCK, device=str(device))
    prepare(loaded.model)
    return loaded


def bert(
    device: torch.device, count: int, *, base_shape: bool = False
) -> tuple[LoadedModel, QuestionAnswering]:
    """Load BERT, or a random model of BERT-base's shape, and questions for it."""
    # MobileBERT reads the same tokens, and comes without a package of its own.
    loaded, folder = loaded_model("mobilebert" if base_shape else "bert", device), data_folder()
    if base_shape:
        torch.manual_seed(0)
        model: Any = BertForQuestionAnswering(BertConfig())
        prepare(model.eval().to(device))
        loaded = replace(loaded, model=model)
    source = "squad" if folder else "embedded"
    found = load_questions(source, examples=count, data_folder=folder, lock=LOCK)
    return loaded, QuestionAnswering(found.name, found.rows, loaded.tokenizer, device=device.type)


def products(model: nn.Module) -> tuple[str, ...]:
    """Return the layers that are matrix products."""
    return tuple(layer.name for layer in manifest(model) if layer.kind == "matmul")


def noise_cases(layers: tuple[str, ...]) -> list[tuple[Noise, tuple[str, ...]]]:
    """Return what is measured of some layers: noises of the middle one, and of all of them."""
    middle = (layers[len(layers) // 2],)
    one = [(noise, middle) for noise in (WhiteOutput(), WhiteWeight(), Pcm())]
    return [*one, (Pcm(), layers), (Preset(), layers)]


def few(layers: tuple[str, ...]) -> str:
    """Return what a table calls them."""
    return "one layer" if len(layers) == 1 else "all layers"


def ranges_of(
    model: nn.Module, layers: tuple[str, ...], task: QuestionAnswering
) -> dict[str, float]:
    reader = reader_of(model, task, "float32")
    return observe_input_ranges(model, layers, lambda: reader.read(clean))


def chip_of(
    model: nn.Module, noise: Noise, layers: tuple[str, ...], ranges: dict[str, float], chip: int
) -> AbstractContextManager[Chip]:
    """Return what puts a chip into the model for a while."""
    kit = find_simulator(DEFAULT_TILE)
    return install(
        model, layers=layers, noise=noise, chip=chip, seed=1, simulator=kit, input_ranges=ranges
    )


def chip_seconds(
    device: torch.device,
    model: nn.Module,
    reader: BatchReader,
    noise: Noise,
    layers: tuple[str, ...],
    ranges: dict[str, float],
) -> tuple[float, float, float]:
    """Return the seconds of programming a chip, of its drift and of one read."""
    stamps = [_now(device)]
    with chip_of(model, noise, layers, ranges, 0) as chip:
        stamps.append(_now(device))
        if noise.WHERE == "tile":
            chip.drift_to(DAY_S)
        stamps.append(_now(device))
        reader.read(chip.reading)
        stamps.append(_now(device))
    program, drift, read = (b - a for a, b in pairwise(stamps))
    return program, drift, read


def clean(*_: object) -> AbstractContextManager[None]:
    """Return what a digital pass reads with: no noise."""
    return nullcontext()


def reader_of(model: nn.Module, task: QuestionAnswering, precision: Precision) -> BatchReader:
    """Return what runs all batches through the model, without replay."""
    return BatchReader(model, task, manifest(model), precision, replay=False)


def plain_seconds(
    device: torch.device, model: nn.Module, task: QuestionAnswering, precision: Precision
) -> float:
    """Return the seconds of a pass of transformers' own code, weights and all in bfloat16."""
    own: Any = copy.deepcopy(model)
    if precision == "bfloat16":
        nn.Module.to(own, torch.bfloat16)
    (whole,) = make_batches(task.windows, 0, 10**9)
    cuts = zip(*(getattr(whole, name).split(WINDOWS[precision]) for name in _NAMES), strict=True)
    parts = []
    for cut in cuts:
        part = dict(zip(_NAMES, cut, strict=True))
        longest = int(part["attention_mask"].sum(1).max())  # of this part, rather than of all
        parts.append({name: tensor[:, :longest].to(device) for name, tensor in part.items()})
    half = precision == "bfloat16"
    with computing("float32" if half else precision, device), torch.inference_mode():
        return median_seconds(device, lambda: [own(**part) for part in parts])


def median_seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Return the median time of some work, in seconds."""
    work()
    took = []
    for _ in range(REPEATS):
        began = _now(device)
        work()
        took.append(_now(device) - began)
    return statistics.median(took)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
