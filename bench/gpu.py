"""What a GPU makes of all this: speed beside plain transformers, and whether its scores agree.

On a machine that has one, in under ten minutes (the embedded models, and the questions of this
project or, with ANALOG_BENCH_DATA, SQuAD's):

    python bench/gpu.py [--device cuda] [--questions 400] [--models ...] [--only PART ...]
    python bench/gpu.py --base-shape --only digital analog

The second has a model of BERT-base's shape, with random weights: no F1, and the work of a model of
110 million parameters. The figures of before are of that shape.

Each table is printed as soon as it is measured: a goal stands beside each figure that has one, and
what an H200 made of 400 questions before batches, chips and products were made for GPUs. Times are
medians, after one run to warm up, of work that is over: the device is waited for.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from gpu_passes import (
    DAY_S,
    WINDOWS,
    bert,
    chip_of,
    chip_seconds,
    clean,
    few,
    loaded_model,
    median_seconds,
    noise_cases,
    plain_seconds,
    products,
    ranges_of,
    reader_of,
)
from rich.console import Console
from rich.table import Table

from analog_bench.hwa.hyperparameters import recipe_for
from analog_bench.hwa.training_data import make_data
from analog_bench.hwa.training_loop import train
from analog_bench.hwa.training_report import Progress
from analog_bench.records import Precision
from analog_bench.tasks.data_folder import TRAINING_FILE, data_folder
from analog_bench.tasks.squad_files import EMBEDDED, read_squad

CHIPS = 5
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
    loaded, task = bert(device, count, base_shape=asked.base_shape)
    tokens = sum(int(batch.attention_mask.sum()) for batch in task.batches)
    table = _table(
        f"digital pass, bert, {count} questions, {tokens} tokens",
        *("F1", "seconds", "tokens/s", "H200 before", "of plain", "goal"),
    )
    for precision in WINDOWS if device.type == "cuda" else ("float32", "bfloat16"):
        plain = plain_seconds(device, loaded.model, task, precision)
        table.add_row(f"plain {precision}", "", *_rate(plain, tokens), _before("plain", precision))
        reader = reader_of(loaded.model, task, precision)
        seconds = median_seconds(device, lambda: reader.read(clean))  # noqa: B023
        f1 = statistics.fmean(task.score(reader.read(clean)[0])["f1"])
        share, before = f"{plain / seconds:.2f}", _before("ours", precision)
        row = (f"{f1:.3f}", *_rate(seconds, tokens), before, share, "at least 0.8")
        table.add_row(f"ours {precision}", *row)
    table.caption = "F1 may lie 0.05 from that in float32, else a precision is refused"
    console.print(table)


def analog(device: torch.device, asked: argparse.Namespace) -> None:
    """One layer and all layers with noise: programming, drifting and reading apart."""
    count = asked.questions
    loaded, task = bert(device, count, base_shape=asked.base_shape)
    model, layers = loaded.model, products(loaded.model)
    ranges = ranges_of(model, layers, task)
    reader = reader_of(model, task, "float32")
    plain = median_seconds(device, lambda: reader.read(clean))
    table = _table(
        f"one chip in float32, bert, {count} questions; a digital pass takes {plain:.3f} s",
        *("program s", "drift s", "read s", "passes", "H200 before", "goal"),
    )
    for noise, chosen in noise_cases(layers):
        for _ in range(2):  # the first warms up
            parts = chip_seconds(device, model, reader, noise, chosen, ranges)
        where = few(chosen)
        row = (*(f"{part:.3f}" for part in parts), f"{sum(parts) / plain:.2f}")
        table.add_row(f"{noise}, {where}", *row, BEFORE[where], GOALS[where])
    console.print(table)


def training(device: torch.device, asked: argparse.Namespace) -> None:
    """Steps a second of hardware-aware training, and whether going on gives the same bits."""
    table = _table("hardware-aware training, batches of 32", "steps/s", "goal", "goes on equally")
    for name in asked.models:
        loaded = loaded_model(name, device)
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
        loaded, task = bert(place, questions)
        layers, reader = products(loaded.model), reader_of(loaded.model, task, "float32")
        ranges = ranges_of(loaded.model, layers, task)
        digital = statistics.fmean(task.score(reader.read(clean)[0])["f1"])
        scores.setdefault("digital", []).append([digital])
        for noise, chosen in noise_cases(layers):
            found = []
            for chip in range(CHIPS):
                with chip_of(loaded.model, noise, chosen, ranges, chip) as made:
                    if noise.WHERE == "tile":
                        made.drift_to(DAY_S)
                    outputs, _ = reader.read(made.reading)
                found.append(statistics.fmean(task.score(outputs)["f1"]))
            scores.setdefault(f"{noise}, {few(chosen)}", []).append(found)
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


def _rows() -> Any:
    folder = data_folder()
    rows = read_squad(folder / TRAINING_FILE if folder else EMBEDDED)
    # Whole articles: tokenising all of SQuAD would take longer than what is timed.
    return rows.select(range(min(len(rows), 6000)))


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
