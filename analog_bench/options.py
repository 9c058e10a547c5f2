"""The options of a bench run: on the command line, or as ini values of the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

import pytest

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.gate.requirement import Requirement, parse_requirement
from analog_bench.noise import Tile, parse_noise
from analog_bench.study import BUDGETS, Budget, BudgetName, Choice, Study
from analog_bench.tasks.data_folder import DATA_VARIABLE, data_folder
from analog_bench.tasks.metrics import METRICS

GateMode = Literal["off", "warn", "fail"]

T = TypeVar("T")
_INI_FILES = ("pytest.toml", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class _Option:
    """One option, for the command line and the ini file alike."""

    name: str
    help: str
    many: bool = False
    default: str = ""
    metavar: str = "VALUE"

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def ini(self) -> str:
        return "analog_bench_" + self.name.replace("-", "_")


_OPTIONS = (
    _Option("model", "model of the zoo, such as bert; may be repeated", many=True, metavar="NAME"),
    _Option(
        "layer",
        "shell-style pattern of layer names, such as 'encoder.layer.0.*'; may be repeated",
        many=True,
        metavar="PATTERN",
    ),
    _Option(
        "noise",
        "noise in place of the study's own, such as white_output:std=1 or pcm; may be repeated",
        many=True,
        metavar="NAME[:PARAMETERS]",
    ),
    _Option("drift", "drift time in seconds; may be repeated", many=True, metavar="SECONDS"),
    _Option("chips", "chips a case, in place of the budget's number", metavar="N"),
    _Option(
        "examples",
        "questions, blocks of text, or 'all', in place of the budget's number",
        metavar="N",
    ),
    _Option(
        "data",
        "embedded, hub, a file (.json: questions, .txt: text) or a folder of texts; squad, or for "
        f"text wikitext-2 or wikitext-2-raw, from ${DATA_VARIABLE}, else locked from the hub",
        default="embedded",
        metavar="SOURCE",
    ),
    _Option("zoo", "where weights come from: embedded or hub", default="embedded", metavar="ZOO"),
    _Option("lock", "the file that pins hub downloads", default="zoo.lock.json", metavar="FILE"),
    _Option("tile", "tile engine: torch or cpp", default="torch", metavar="ENGINE"),
    _Option(
        "hardware",
        "hardware preset that tiles start from; ideal adds nothing to the noise",
        default="ideal",
        metavar="PRESET",
    ),
    _Option("device", "where torch computes, such as cpu or cuda", default="cpu", metavar="DEVICE"),
    _Option("budget", "smoke, nightly or full", default="smoke", metavar="NAME"),
    _Option("seed", "the run's one seed", default="1", metavar="N"),
    _Option("front", "on, or off to compute every case from the inputs", default="on"),
    _Option("per-example", "on to keep every example's score in the results", default="off"),
    _Option("json", "where results go; a new file in runs/ by default", metavar="FILE"),
    _Option("baselines", "folder of baselines", default="baselines", metavar="FOLDER"),
    _Option(
        "gate",
        "fail cases that regressed from the baseline, only warn of them, or off: do not compare",
        default="fail",
        metavar="MODE",
    ),
    _Option(
        "max-drop",
        "fail cases whose score lies more than this from digital, in place of the comparison with "
        "the baseline; may be repeated",
        many=True,
        metavar="METRIC=VALUE",
    ),
)


@dataclass(frozen=True)
class Settings:
    """A run's options, read and checked.

    Attributes:
        choice: What to measure in place of the studies' own.
        budget: Name of the budget.
        chips: Chips a case; None for the budget's number.
        examples: Examples; None for the budget's number, 0 for all.
        data: Source of the examples.
        zoo: Source of the weights.
        lock: The file that pins hub downloads.
        device: Where torch computes.
        seed: The run's seed.
        front: Whether clean activations are kept between cases.
        per_example: Whether results keep every example's score.
        json: Where results go; None for a new file.
        baselines: Folder of baselines.
        data_folder: The user's folder of real data.
        gate: What becomes of a case that regressed from its baseline.
        requirements: What is demanded instead.
        update_baselines: Whether to store what was measured.
        resume: Whether to continue the interrupted run that writes to `json`, or the newest one.
        given: The options as they were given, for the run's manifest.
    """

    choice: Choice
    budget: BudgetName
    chips: int | None
    examples: int | None
    data: str
    zoo: str
    lock: Path
    device: str
    seed: int
    front: bool
    per_example: bool
    json: Path | None
    baselines: Path
    data_folder: Path | None
    gate: GateMode
    requirements: tuple[Requirement, ...]
    update_baselines: bool
    resume: bool
    given: dict[str, str]

    def budget_of(self, study: Study) -> Budget:
        """Return what the run affords of a study."""
        if self.budget not in study.budgets:
            raise UsageError(
                f"study {study.name} has no budget {self.budget!r}; "
                f"{did_you_mean(self.budget, study.budgets)}"
            )
        own = study.budgets[self.budget]
        chips = own.chips if self.chips is None else self.chips
        examples = own.examples if self.examples is None else (self.examples or None)
        return Budget(chips, examples)


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and its ini value."""
    group = parser.getgroup("analog_bench", "robustness benchmarks on analog hardware")
    for option in _OPTIONS:
        text = f"{option.help} (default: {option.default})" if option.default else option.help
        group.addoption(
            option.flag,
            action="append" if option.many else "store",
            default=None,
            metavar=option.metavar,
            dest=option.ini,
            help=text,
        )
        kind: Literal["linelist", "string"] = "linelist" if option.many else "string"
        parser.addini(option.ini, f"same as {option.flag}: {option.help}", type=kind, default=None)
    group.addoption(
        "--update-baselines",
        action="store_true",
        dest="analog_bench_update_baselines",
        help="store what is measured as the new baselines, and say what changed",
    )
    group.addoption(
        "--resume",
        action="store_true",
        dest="analog_bench_resume",
        help="continue the interrupted run of --json FILE, or the newest one in runs/",
    )


def read_settings(config: pytest.Config) -> Settings:
    """Read and check the options.

    Raises:
        UsageError: An option that cannot be used as given.
    """
    given: dict[str, list[str]] = {}
    for option in _OPTIONS:
        value = config.getoption(option.ini)
        if value is None:
            value = config.getini(option.ini) or None
        words = [] if value is None else value if isinstance(value, list) else [value]
        given[option.name] = words or ([option.default] if option.default else [])

    def one(name: str) -> str | None:
        return given[name][0] if given[name] else None

    def must(name: str) -> str:
        return given[name][0]

    _check_ini_found(config, {name: one(name) for name in ("data", "lock", "json", "baselines")})
    root = config.rootpath
    json_file = one("json")
    return Settings(
        choice=Choice(
            models=tuple(given["model"]),
            layers=tuple(given["layer"]),
            noises=tuple(parse_noise(text) for text in given["noise"]),
            drift_s=tuple(_drift(text) for text in given["drift"]),
            tile=_one_of("tile", must("tile"), get_args(Tile)),
            hardware=must("hardware"),
        ),
        budget=_one_of("budget", must("budget"), BUDGETS),
        chips=_whole("chips", one("chips"), 1),
        examples=0 if one("examples") == "all" else _whole("examples", one("examples"), 1),
        data=must("data"),
        zoo=_one_of("zoo", must("zoo"), ("embedded", "hub")),
        lock=root / must("lock"),
        device=must("device"),
        seed=_whole("seed", must("seed"), 0) or 0,
        front=_one_of("front", must("front"), ("on", "off")) == "on",
        per_example=_one_of("per-example", must("per-example"), ("on", "off")) == "on",
        json=Path(json_file) if json_file else None,
        baselines=root / must("baselines"),
        data_folder=data_folder(),
        gate=_one_of("gate", must("gate"), get_args(GateMode)),
        requirements=tuple(parse_requirement(text, METRICS) for text in given["max-drop"]),
        update_baselines=bool(config.getoption("analog_bench_update_baselines")),
        resume=bool(config.getoption("analog_bench_resume")),
        given={name: ", ".join(words) for name, words in given.items() if words},
    )


def _check_ini_found(config: pytest.Config, paths: Mapping[str, str | None]) -> None:
    """Refuse a path that has led pytest astray.

    Before it knows the options of plugins, pytest takes the word behind `--data` for a test path
    where it exists, looks for its ini file above all of these, and may find none.
    """
    here = config.invocation_params.dir
    lost = config.inipath is None and any(
        (folder / name).is_file() for folder in (here, *here.parents) for name in _INI_FILES
    )
    for name, value in paths.items():
        if lost and value in config.invocation_params.args:
            raise UsageError(
                f"pytest takes {value} for a test path and misses its ini file; "
                f"write --{name}={value}"
            )


def _one_of(name: str, value: str, known: Sequence[T]) -> T:
    for word in known:
        if word == value:
            return word
    raise UsageError(f"--{name} {value!r} is unknown; {did_you_mean(value, map(str, known))}")


def _whole(name: str, text: str | None, least: int) -> int | None:
    return None if text is None else _number(name, text, int, "a whole number", least)


def _drift(text: str) -> float:
    return _number("drift", text, float, "a number of seconds", 0)


N = TypeVar("N", int, float)


def _number(name: str, text: str, kind: Callable[[str], N], wanted: str, least: int) -> N:
    try:
        value = kind(text)
    except ValueError:
        raise UsageError(f"--{name} must be {wanted}, found {text!r}") from None
    if not least <= value < float("inf"):
        raise UsageError(f"--{name} must be {wanted}, at least {least}, found {text}")
    return value
