"""What a GPU makes of all this: speed beside plain transformers, and whether its scores agree.

On a machine that has one, in under ten minutes (the embedded models, and the questions of this
project or, with ANALOG_BENCH_DATA, SQuAD's):

    python bench/bench_gpu.py [--device cuda] [--questions 400] [--models ...] [--only PART ...]
    python bench/bench_gpu.py --base-shape --only digital analog

The second has a model of BERT-base's shape, with random weights: no F1, and the work of a model of
110 million parameters. The figures of before are of that shape.

Each table is printed as soon as it is measured: a goal stands beside each figure that has one, and
what an H200 made of 400 questions before batches, chips and products were made for GPUs. Times are
medians, after one run to warm up, of work that is over: the device is waited for.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from transformers import BertConfig, BertForQuestionAnswering

from analog_bench.analog.chip import install
from analog_bench.analog.input_ranges import observe_input_ranges
from analog_bench.analog.layer_manifest import manifest, prepare
from analog_bench.engine.batch_reader import BatchReader
from analog_bench.engine.computing import computing
from analog_bench.hwa.hyperparameters import recipe_for
from analog_bench.hwa.training_data import make_data
from analog_bench.hwa.training_loop import train
from analog_bench.hwa.training_report import Progress
from analog_bench.noise import Noise, Pcm, Preset, WhiteOutput, WhiteWeight
from analog_bench.records import Precision
from analog_bench.simulators.registry import DEFAULT_TILE, find_simulator
from analog_bench.tasks.data_folder import TRAINING_FILE, data_folder
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.tasks.squad_files import EMBEDDED, read_squad
from analog_bench.tasks.token_batches import make_batches
from analog_bench.zoo.lock_file import FILE_NAME, read_lock
from analog_bench.zoo.model_loading import LoadedModel, load
from analog_bench.zoo.model_specs import find

LOCK = Path(FILE_NAME)
DAY_S = 86_400.0
REPEATS = 5
CHIPS = 5
WINDOWS: dict[Precision, int] = {"float32": 32, "tf32": 64, "bfloat16": 64}
"""Precision to the windows a batch of plain transformers, which is what was fastest on an H200."""
BEFORE = {
    **{"plain float32": "0.350 s", "plain tf32": "0.095 s", "plain bfloat16": "0.072 s"},
    **{"ours float32": "0.505 s", "one layer": "1.0 to 1.2", "all layers": "15 to 28"},
}
GOALS = {"one layer": "at most 1.15", "all layers": "at most 3"}
MODELS = ("bert", "distilgpt2", "mobilebert")
console = Console(width=110)


def digital(device: torch.device, asked: argparse.Namespace) -> None:
    """Our digital pass beside plain transformers, in each precision, and what F1 it has."""
    count = asked.questions
    loaded, task = _bert(device, count, base_shape=asked.base_shape)
    tokens = sum(int(batch.attention_mask.sum()) for batch in task.batches)
    table = _table(
        f"digital pass, bert, {count} questions, {tokens} tokens",
        *("F1", "seconds", "tokens/s", "H200 before", "of plain", "goal"),
    )
    for precision in WINDOWS if device.type == "cuda" else ("float32", "bfloat16"):
        plain = _plain_seconds(device, loaded.model, task, precision)
        table.add_row(f"plain {precision}", "", *_rate(plain, tokens), _before("plain", precision))
        reader = _reader(loaded.model, task, precision)
        seconds = _seconds(device, lambda: reader.read(_clean))  # noqa: B023
        f1 = statistics.fmean(task.score(reader.read(_clean)[0])["f1"])
        share, before = f"{plain / seconds:.2f}", _before("ours", precision)
        row = (f"{f1:.3f}", *_rate(seconds, tokens), before, share, "at least 0.8")
        table.add_row(f"ours {precision}", *row)
    table.caption = "F1 may lie 0.05 from that in float32, else a precision is refused"
    console.print(table)


def analog(device: torch.device, asked: argparse.Namespace) -> None:
    """One layer and all layers with noise: programming, drifting and reading apart."""
    count = asked.questions
    loaded, task = _bert(device, count, base_shape=asked.base_shape)
    model, layers = loaded.model, _products(loaded.model)
    ranges = _ranges(model, layers, task)
    reader = _reader(model, task, "float32")
    plain = _seconds(device, lambda: reader.read(_clean))
    table = _table(
        f"one chip in float32, bert, {count} questions; a digital pass takes {plain:.3f} s",
        *("program s", "drift s", "read s", "passes", "H200 before", "goal"),
    )
    for noise, chosen in _cases(layers):
        for _ in range(2):  # the first warms up
            parts = _chip_seconds(device, model, reader, noise, chosen, ranges)
        where = _few(chosen)
        row = (*(f"{part:.3f}" for part in parts), f"{sum(parts) / plain:.2f}")
        table.add_row(f"{noise}, {where}", *row, BEFORE[where], GOALS[where])
    console.print(table)


def training(device: torch.device, asked: argparse.Namespace) -> None:
    """Steps a second of hardware-aware training, and whether going on gives the same bits."""
    table = _table("hardware-aware training, batches of 32", "steps/s", "goal", "goes on equally")
    for name in asked.models:
        loaded = _loaded(name, device)
        half = 30 if device.type != "cpu" else 1
        options = {
            **{"batch": 32, "steps": 2 * half, "warmup": 0, "validate_every": 2 * half},
            **{"chips": 1, "validation_examples": 8, "first_ranges": "sigma"},
        }
        recipe = recipe_for(loaded.spec, options)
        data = make_data(loaded, _rows(), recipe)
        told: list[Progress] = []
        with tempfile.TemporaryDirectory() as folder:
            go = partial(train, recipe, loaded, data, save_steps=half)
            whole = go(Path(folder) / "whole", tell=told.append)
            with suppress(KeyboardInterrupt):
                go(Path(folder) / "parted", tell=_killing(half))
            again = go(Path(folder) / "parted")
        rate = half / (told[-1].seconds - told[half].seconds)
        equal = whole.state.keys() == again.state.keys() and all(
            torch.equal(whole.state[n], again.state[n]) for n in whole.state
        )
        told_equal = "yes" if equal else f"no, {_distance(whole, again)}"
        table.add_row(name, f"{rate:.2f}", "at least 8" if name == "bert" else "", told_equal)
    console.print(table)


def agreement(device: torch.device, asked: argparse.Namespace) -> None:
    """Scores of chips drawn on the device beside those drawn on the processor, unpaired."""
    questions = min(asked.questions, 96)
    table = _table(
        f"F1 of {CHIPS} chips, bert, {questions} questions", str(device), "cpu", "difference"
    )
    scores: dict[str, list[list[float]]] = {}
    for place in (device, torch.device("cpu")):
        loaded, task = _bert(place, questions)
        layers, reader = _products(loaded.model), _reader(loaded.model, task, "float32")
        ranges = _ranges(loaded.model, layers, task)
        digital = statistics.fmean(task.score(reader.read(_clean)[0])["f1"])
        scores.setdefault("digital", []).append([digital])
        for noise, chosen in _cases(layers):
            found = []
            for chip in range(CHIPS):
                with _installed(loaded.model, noise, chosen, ranges, chip) as made:
                    if noise.WHERE == "tile":
                        made.drift_to(DAY_S)
                    outputs, _ = reader.read(made.reading)
                found.append(statistics.fmean(task.score(outputs)["f1"]))
            scores.setdefault(f"{noise}, {_few(chosen)}", []).append(found)
    for name, (own, other) in scores.items():
        shown = [f"{statistics.fmean(part):.2f} ±{_error(part):.2f}" for part in (own, other)]
        apart = statistics.fmean(own) - statistics.fmean(other)
        error = (_error(own) ** 2 + _error(other) ** 2) ** 0.5
        table.add_row(name, *shown, f"{apart:+.2f} ±{error:.2f}")
    table.caption = "± standard error over chips"
    console.print(table)


def verdicts(device: torch.device, _asked: argparse.Namespace) -> None:
    """The study of BERT's layers, judged by the stored baselines of a processor."""
    command = ["pytest", "bench", "-q", "-k", "bert_layer_noise", "--report", "off"]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--device", str(device), "--json", str(Path(folder, "results.json"))]
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=False
        )
    wanted = ("inconclusive", "cases:", "passed", "failed", "expected")
    lines = [line for line in done.stdout.splitlines() if any(word in line for word in wanted)]
    console.print("pytest " + " ".join(command[1:5]), *lines, sep="\n  ", highlight=False)


PARTS: dict[str, Callable[[torch.device, argparse.Namespace], None]] = {
    "digital": digital,
    "analog": analog,
    "training": training,
    "agreement": agreement,
    "verdicts": verdicts,
}
_NAMES = ("input_ids", "token_type_ids", "attention_mask")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _before(whose: str, precision: Precision) -> str:
    return BEFORE.get(f"{whose} {precision}", "")


def _rate(seconds: float, tokens: int) -> tuple[str, str]:
    return f"{seconds:.3f}", f"{tokens / seconds:,.0f}"


def _loaded(name: str, device: torch.device) -> LoadedModel:
    loaded = load(find(name, "embedded", read_lock(LOCK)), lock_path=LOCK, device=str(device))
    prepare(loaded.model)
    return loaded


def _bert(
    device: torch.device, count: int, *, base_shape: bool = False
) -> tuple[LoadedModel, QuestionAnswering]:
    # MobileBERT reads the same tokens, and comes without a package of its own.
    loaded, folder = _loaded("mobilebert" if base_shape else "bert", device), data_folder()
    if base_shape:
        torch.manual_seed(0)
        model: Any = BertForQuestionAnswering(BertConfig())
        prepare(model.eval().to(device))
        loaded = replace(loaded, model=model)
    source = "squad" if folder else "embedded"
    found = load_questions(source, examples=count, data_folder=folder, lock=LOCK)
    return loaded, QuestionAnswering(found.name, found.rows, loaded.tokenizer, device=device.type)


def _rows() -> Any:
    folder = data_folder()
    rows = read_squad(folder / TRAINING_FILE if folder else EMBEDDED)
    # Whole articles: tokenising all of SQuAD would take longer than what is timed.
    return rows.select(range(min(len(rows), 6000)))


def _products(model: nn.Module) -> tuple[str, ...]:
    return tuple(layer.name for layer in manifest(model) if layer.kind == "matmul")


def _cases(layers: tuple[str, ...]) -> list[tuple[Noise, tuple[str, ...]]]:
    middle = (layers[len(layers) // 2],)
    one = [(noise, middle) for noise in (WhiteOutput(), WhiteWeight(), Pcm())]
    return [*one, (Pcm(), layers), (Preset(), layers)]


def _few(layers: tuple[str, ...]) -> str:
    return "one layer" if len(layers) == 1 else "all layers"


def _ranges(model: nn.Module, layers: tuple[str, ...], task: QuestionAnswering) -> dict[str, float]:
    reader = _reader(model, task, "float32")
    return observe_input_ranges(model, layers, lambda: reader.read(_clean))


@contextmanager
def _installed(
    model: nn.Module, noise: Noise, layers: tuple[str, ...], ranges: dict[str, float], chip: int
) -> Iterator[Any]:
    with install(
        model,
        layers=layers,
        noise=noise,
        chip=chip,
        seed=1,
        simulator=find_simulator(DEFAULT_TILE),
        input_ranges=ranges,
    ) as made:
        yield made


def _chip_seconds(
    device: torch.device,
    model: nn.Module,
    reader: BatchReader,
    noise: Noise,
    layers: tuple[str, ...],
    ranges: dict[str, float],
) -> tuple[float, float, float]:
    stamps = [_now(device)]
    with _installed(model, noise, layers, ranges, 0) as chip:
        stamps.append(_now(device))
        if noise.WHERE == "tile":
            chip.drift_to(DAY_S)
        stamps.append(_now(device))
        reader.read(chip.reading)
        stamps.append(_now(device))
    program, drift, read = (b - a for a, b in pairwise(stamps))
    return program, drift, read


def _clean(*_: object) -> AbstractContextManager[None]:
    return nullcontext()


def _reader(model: nn.Module, task: QuestionAnswering, precision: Precision) -> BatchReader:
    return BatchReader(model, task, manifest(model), precision, replay=False)


def _plain_seconds(
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
        return _seconds(device, lambda: [own(**part) for part in parts])


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
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


def _killing(step: int) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if progress.step > step:
            raise KeyboardInterrupt

    return tell


def _distance(one: Any, other: Any) -> str:
    far = max(float((one.state[n] - other.state[n]).abs().max()) for n in one.state)
    return f"up to {far:.1e} apart"


def _error(scores: list[float]) -> float:
    return statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else 0.0


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", type=torch.device)
    parser.add_argument("--questions", default=400, type=int)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, help="to train")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure"
    )
    parser.add_argument("--base-shape", action="store_true", help="BERT-base, random weights")
    asked = parser.parse_args()
    name = torch.cuda.get_device_name(asked.device) if asked.device.type == "cuda" else "processor"
    console.print(f"{name}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for part in asked.only:
        began = time.perf_counter()
        PARTS[part](asked.device, asked)
        console.print(f"{part}: {time.perf_counter() - began:.0f} s\n")


if __name__ == "__main__":
    main()
