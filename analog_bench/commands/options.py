"""Options that several verbs share, and the examples below a verb's help."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from analog_bench.codec import LARGEST_WHOLE
from analog_bench.errors import UsageError
from analog_bench.noise import Preset
from analog_bench.records import Precision
from analog_bench.simulators.registry import simulators
from analog_bench.tasks.data_folder import DATA_VARIABLE, TRAINING_FILE
from analog_bench.value_checks import read_amount, read_whole
from analog_bench.zoo.lock_file import FILE_NAME, read_lock
from analog_bench.zoo.model_specs import ModelSpec, Zoo, find_embedded
from analog_bench.zoo.own_folder import find_or_read

if TYPE_CHECKING:
    from datasets import Dataset

    from analog_bench.zoo.model_loading import LoadedModel

    TileName = str
else:
    TileName = Literal[tuple(simulators())]  # typer makes choices of it

LOCK_FILE = Path(FILE_NAME)
USUAL_HARDWARE = Preset().name
_MOST_THREADS = 1024

N = TypeVar("N", int, float)


def _parser(read: Callable[[str, str], N]) -> Callable[[str | N], N]:
    def parse(given: str | N) -> N:
        if not isinstance(given, str):
            return given  # a default
        try:
            return read("it", given)
        except UsageError as problem:
            raise typer.BadParameter(str(problem)) from None

    return parse


def whole_number(
    help: str, *names: str, least: int = 1, most: int = LARGEST_WHOLE, metavar: str = "N"
) -> Any:
    """Return an option that takes a whole number within bounds, as pytest's options do."""
    parser = _parser(partial(read_whole, least=least, most=most))
    return typer.Option(*names, parser=parser, metavar=metavar, help=help)


def amount(help: str, unit: str = "a number", metavar: str = "X") -> Any:
    """Return an option that takes 0 or a number of a usual size, as pytest's options do."""
    return typer.Option(parser=_parser(partial(read_amount, unit=unit)), metavar=metavar, help=help)


LockOption = Annotated[
    Path, typer.Option("--lock", metavar="FILE", help="the file that pins what comes from the hub")
]
ThreadsOption = Annotated[
    int | None,
    whole_number("threads to compute with (default: torch's)", "--threads", most=_MOST_THREADS),
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="where torch computes, such as cpu or cuda"),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", help="of products that are not on tiles"),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="print one JSON document instead of a table")
]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="print Markdown instead")]
ModelArgument = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="its name, its folder, or the id of a locked hub model"),
]
ZooOption = Annotated[Zoo, typer.Option("--zoo", help="where models with a name come from")]
HardwareOption = Annotated[
    str,
    typer.Option(
        "--hardware",
        metavar="PRESET",
        help="hardware of the tiles: a preset of aihwkit, or FILE.py:FUNCTION for one of your own",
    ),
]
PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="plan of `analog-bench plan`: its layers, hardware and time, where none are named",
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FOLDER", help="weights in place of the package's own"),
]
TrainingDataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="SQuAD v1.1 JSON to train on: questions, or their contexts as text (default: "
        f"${DATA_VARIABLE}/{TRAINING_FILE})",
    ),
]


def new_app(help: str | None = None, *examples: str, **settings: Any) -> typer.Typer:
    """Return an app for verbs: plain help that reads well when piped, plain tracebacks."""
    return typer.Typer(
        help=help,
        epilog=show_examples(*examples) if examples else None,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        **settings,
    )


def show_examples(*lines: str) -> str:
    """Return an epilog of example command lines; `analog-bench` is put before each."""
    # \b keeps the line breaks.
    return "\n".join(["\b", "examples:", *(f"  analog-bench {line}" for line in lines)])


def refuse_together(**given: object) -> None:
    """Refuse options that exclude each other; raises typer.BadParameter."""
    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if len(names) > 1:
        raise typer.BadParameter(f"{' and '.join(names)} exclude each other")


def check_baselines(folder: Path | None) -> None:
    """Refuse what `--baselines` names where it is no folder; raises UsageError."""
    if folder is not None and not os.path.isdir(folder):
        raise UsageError(f"--baselines must name a folder, found {str(folder)!r}")


def find_model(model: str, zoo: Zoo, lock: Path, weights: Path | None) -> ModelSpec:
    """Return a model's specification.

    Raises:
        UsageError: There is no such model, or `weights` is given for one that is not embedded.
        WeightsError: A hub model that is not locked, or a folder that cannot be measured.
    """
    if weights is None:
        return find_or_read(model, zoo, read_lock(lock))
    spec = find_embedded(model)
    if zoo != "embedded" or spec.source != "embedded":
        raise UsageError("--weights is for embedded models; others come with their own")
    return spec


def need_packages(what: str, extra: str, *packages: str) -> None:
    """Refuse a verb whose packages, of an extra of this one, are not there, with a `UsageError`."""
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as problem:
            needed = {"sklearn": "scikit-learn"}.get(package, package)
            raise UsageError(
                f"{what} needs {needed} ({problem}): pip install 'analog-bench[{extra}]'"
            ) from None


def use_threads(threads: int | None) -> None:
    """Compute with so many threads from now on; None leaves it at torch's number."""
    import torch  # not at the top, since importing it takes seconds

    if threads is not None:
        torch.set_num_threads(threads)


def read_rows(data: Path) -> Dataset:
    """Return the rows to train on."""
    # Not at the top, since importing them takes seconds: a wrong option is refused before that.
    import datasets

    from analog_bench.tasks.squad_files import read_squad

    # Its bars would come and go between the lines of our own.
    datasets.disable_progress_bars()
    return read_squad(data)


def load_prepared(
    spec: ModelSpec, weights: Path | None, lock: Path, device: str, threads: int | None
) -> LoadedModel:
    """Load a digital model, ready for tiles, with so many threads to compute with from now on.

    Raises:
        BenchError: See `zoo.model_loading.load`.
    """
    # Not at the top, since importing them takes seconds: a wrong option is refused before that.
    from analog_bench.analog.layer_manifest import prepare
    from analog_bench.zoo.model_loading import load

    use_threads(threads)
    loaded = load(spec, lock_path=lock, device=device, shipped=weights)
    prepare(loaded.model)
    return loaded
