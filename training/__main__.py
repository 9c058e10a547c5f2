"""`python -m training MODEL`: train an embedded model anew and make its weights shippable."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from analog_bench.errors import BenchError, UsageError
from analog_bench.tasks.data_folder import DATA_VARIABLE, TRAINING_FILE, training_file

_BENCH_ERROR = 4
"""Exit code of everything the user can fix, as of `analog-bench`."""

app = typer.Typer(
    name="training",
    help="Train an embedded model; a second call goes on from the last checkpoint.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise typer.BadParameter(f"a number above 0 is expected, found {text!r}")
    return value


Data: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help=f"SQuAD v1.1 JSON to train on (default: ${DATA_VARIABLE}/{TRAINING_FILE})",
    ),
]
Out: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="checkpoints (default: runs/zoo/MODEL)")
]
Ship: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="the weights (default: OUT/ship)")
]
Steps: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="optimiser steps (default: the recipe's)")
]
DecaySteps: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="further steps, in which the rate falls to zero (default: the recipe's)",
    ),
]
Finish: TypeAlias = Annotated[
    bool, typer.Option("--finish", help="let the rate fall from the last checkpoint on, now")
]
Rate: TypeAlias = Annotated[
    float | None,
    typer.Option(parser=_rate, metavar="X", help="its peak (default: the recipe's)"),
]
Rank: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="R", help="adapter's rank; 0 trains all weights (default: the recipe's)"
    ),
]
AdapterRank: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="R", help="adapter's rank (default: the recipe's)")
]
Seed: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="S", help="of the first weights and the order (default: the recipe's)"
    ),
]
Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="threads to compute with (default: torch's)"),
]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; always ends in `SystemExit`, with code 4 for a `BenchError`."""
    try:
        app(argv, prog_name="python -m training")
    except BenchError as problem:
        print(f"training: error: {' '.join(str(problem).split())}", file=sys.stderr)
        sys.exit(_BENCH_ERROR)


@app.command()
def bert(
    data: Data = None,
    out: Out = None,
    ship: Ship = None,
    steps: Steps = None,
    rank: Rank = None,
    learning_rate: Rate = None,
    seed: Seed = None,
    threads: Threads = None,
) -> None:
    """Fine-tune all-MiniLM-L6-v2 on SQuAD's questions."""
    rows = data or training_file()
    _need_adapters("bert")
    from training.bert import train_and_ship

    _set_threads(threads)
    out, ship = _folders("bert", out, ship)
    train_and_ship(
        _given(steps=steps, rank=rank, learning_rate=learning_rate, seed=seed), rows, out, ship
    )
    _say_where("bert", out, ship)


@app.command()
def distilgpt2(
    data: Data = None,
    out: Out = None,
    ship: Ship = None,
    steps: Steps = None,
    decay_steps: DecaySteps = None,
    finish: Finish = False,
    learning_rate: Rate = None,
    seed: Seed = None,
    threads: Threads = None,
) -> None:
    """Train a GPT-2 of six blocks on SQuAD's contexts, from scratch."""
    rows = data or training_file()
    from training.distilgpt2 import train_and_ship

    _set_threads(threads)
    out, ship = _folders("distilgpt2", out, ship)
    changes = _given(
        steps=_stable_steps(steps, finish, out),
        decay_steps=decay_steps,
        matrix_rate=learning_rate,
        seed=seed,
    )
    train_and_ship(changes, rows, out, ship)
    _say_where("distilgpt2", out, ship)


@app.command()
def mobilebert(
    data: Data = None,
    out: Out = None,
    ship: Ship = None,
    steps: Steps = None,
    decay_steps: DecaySteps = None,
    finish: Finish = False,
    learning_rate: Rate = None,
    seed: Seed = None,
    threads: Threads = None,
) -> None:
    """Distil a MobileBERT from the embedded BERT, on SQuAD's questions."""
    rows = data or training_file()
    from training.mobilebert import train_and_ship

    _set_threads(threads)
    out, ship = _folders("mobilebert", out, ship)
    changes = _given(
        steps=_stable_steps(steps, finish, out),
        decay_steps=decay_steps,
        learning_rate=learning_rate,
        seed=seed,
    )
    train_and_ship(changes, rows, out, ship)
    _say_where("mobilebert", out, ship)


@app.command("minilm-qnli")
def minilm_qnli(
    data: Data = None,
    out: Out = None,
    ship: Ship = None,
    steps: Steps = None,
    rank: AdapterRank = None,
    learning_rate: Rate = None,
    seed: Seed = None,
    threads: Threads = None,
) -> None:
    """Fine-tune all-MiniLM-L6-v2 to tell whether a sentence answers a question, on SQuAD."""
    rows = data or training_file()
    _need_adapters("minilm-qnli")
    from training.minilm_qnli import train_and_ship

    _set_threads(threads)
    out, ship = _folders("minilm-qnli", out, ship)
    train_and_ship(
        _given(steps=steps, rank=rank, learning_rate=learning_rate, seed=seed), rows, out, ship
    )
    _say_where("minilm-qnli", out, ship)


def _need_adapters(model: str) -> None:
    for package in ("accelerate", "peft"):
        try:
            importlib.import_module(package)
        except ImportError as problem:
            raise UsageError(
                f'training {model} needs {package} ({problem}): pip install -e ".[train]"'
            ) from None


def _folders(model: str, out: Path | None, ship: Path | None) -> tuple[Path, Path]:
    out = out or Path("runs") / "zoo" / model
    return out, ship or out / "ship"


def _given(**hyperparameters: float | None) -> dict[str, Any]:
    return {name: value for name, value in hyperparameters.items() if value is not None}


def _stable_steps(steps: int | None, finish: bool, out: Path) -> int | None:
    if not finish:
        return steps
    if steps is not None:
        raise UsageError("--finish goes on from the last checkpoint; leave --steps out")
    from training.two_phases import steps_made

    return steps_made(out)


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _say_where(model: str, out: Path, ship: Path) -> None:
    print(f"checkpoints: {out}")
    print(f"weights: {ship}")
    print(f"next: analog-bench zoo score {model} --weights {ship} --record")


if __name__ == "__main__":
    main()
