"""The options of a bench run: on the command line, or as ini values of the same names."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pytest

from analog_bench.case import Variant
from analog_bench.codec import LARGEST_WHOLE
from analog_bench.content_name import fingerprint
from analog_bench.errors import UsageError
from analog_bench.gate.max_drop import parse_requirement
from analog_bench.noise import parse_noise
from analog_bench.records import Precision
from analog_bench.session.extension import load_extension, read_own
from analog_bench.session.own_hardware import read_hardware, spelt_with_content
from analog_bench.session.settings import GateMode, KeptExamples, Settings, read_calibration
from analog_bench.simulators.registry import DEFAULT_TILE, simulators
from analog_bench.store.shard import parse_shard
from analog_bench.study import BUDGETS, MOST_CHIPS, Choice
from analog_bench.tasks.data_folder import DATA_VARIABLE, data_folder
from analog_bench.tasks.task_kinds import METRICS
from analog_bench.value_checks import one_of, read_amount, read_whole, shown
from analog_bench.zoo.model_specs import ZOOS
from analog_bench.zoo.range_folder import DEFAULT_METHOD, RangeMethod

_INI_FILES = ("pytest.toml", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_MOST_WORKERS = 1000


@dataclass(frozen=True)
class _Option:
    name: str
    metavar: str
    about: str
    many: bool = False
    default: str = ""

    @property
    def help(self) -> str:
        return self.about + "; may be repeated" * self.many

    @property
    def ini(self) -> str:
        return "analog_bench_" + self.name.replace("-", "_")


_OPTIONS = (
    _Option("extension", "FILE", "Python file with noises or simulators of your own", many=True),
    _Option(
        "model",
        "NAME",
        "model of the zoo, such as bert, or a folder that save_pretrained wrote",
        many=True,
    ),
    _Option(
        "layer",
        "PATTERN",
        "shell-style pattern of layer names, such as 'encoder.layer.0.*'",
        many=True,
    ),
    _Option(
        "noise",
        "NAME[:PARAMETERS]",
        "noise in place of the study's own, such as white_output:std=1, pcm, measured:FILE.csv or "
        "preset:FILE.py:FUNCTION",
        many=True,
    ),
    _Option(
        "variant",
        "VARIANT",
        "direct (digital weights as they are), calibrated (the same, with input ranges fitted to "
        "the hardware) or hwa (weights of hardware-aware training), in place of the study's own",
        many=True,
    ),
    _Option("drift", "SECONDS", "drift time in seconds", many=True),
    _Option("chips", "N", "chips a case, in place of the budget's number"),
    _Option(
        "examples",
        "N",
        "questions, texts or blocks of text, or 'all', in place of the budget's number",
    ),
    _Option(
        "data",
        "SOURCE",
        "embedded, hub, a file (.json: questions, .txt: text, .csv, .tsv or .jsonl: labelled "
        "texts) or a folder of texts; squad, or for text "
        f"wikitext-2 or wikitext-2-raw, from ${DATA_VARIABLE}, else locked from the hub",
        default="embedded",
    ),
    _Option("prompt", "TEXT", "what studies of generation write on from"),
    _Option("zoo", "ZOO", "where named models come from: embedded or hub", default="embedded"),
    _Option(
        "hwa",
        "FOLDER",
        "folder of HWA weights, with one folder a model, such as runs/hwa where training leaves "
        "them; those that come along by default",
    ),
    _Option(
        "calibration",
        "METHOD",
        "how input ranges of the variant calibrated are found: "
        f"{', '.join(get_args(RangeMethod))}; or a folder, with one folder a model, that "
        "`analog-bench calibrate` has written",
        default=DEFAULT_METHOD,
    ),
    _Option("lock", "FILE", "the file that pins hub downloads", default="zoo.lock.json"),
    _Option(
        "tile",
        "ENGINE",
        f"simulator: {' or '.join(simulators())}; {DEFAULT_TILE} by default, unless the study says "
        "otherwise",
    ),
    _Option(
        "hardware",
        "PRESET",
        "hardware that tiles start from: a preset of aihwkit, or FILE.py:FUNCTION for one of your "
        "own; ideal adds nothing to the noise",
        default="ideal",
    ),
    _Option("device", "DEVICE", "where torch computes, such as cpu or cuda", default="cpu"),
    _Option("precision", "NAME", "of products: float32, tf32 or bfloat16", default="float32"),
    _Option("budget", "NAME", "smoke, nightly or full", default="smoke"),
    _Option("seed", "N", "the run's one seed", default="1"),
    _Option("replay", "VALUE", "on, or off to compute every case from the inputs", default="on"),
    _Option(
        "per-example",
        "VALUE",
        "on or off: keep each example's score, for intervals over examples; auto keeps few",
        default="auto",
    ),
    _Option("shard", "K/N", "the K-th of N parts only; `analog-bench merge` joins and judges them"),
    _Option("json", "FILE", "where results go; a new file in runs/ by default"),
    _Option("report", "MODE", "on, or off: write no HTML report beside the results", default="on"),
    _Option("baselines", "FOLDER", "folder of baselines", default="baselines"),
    _Option(
        "gate",
        "MODE",
        "fail cases that regressed from the baseline, only warn of them, or off: do not compare",
        default="fail",
    ),
    _Option(
        "max-drop",
        "METRIC=VALUE",
        "fail cases whose score lies more than this from digital, in place of the comparison with "
        "the baseline",
        many=True,
    ),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare every option and its ini value."""
    group = parser.getgroup("analog_bench", "robustness benchmarks on analog hardware")
    for option in _OPTIONS:
        text = f"{option.help} (default: {option.default})" if option.default else option.help
        group.addoption(
            f"--{option.name}",
            action="append" if option.many else "store",
            default=None,
            metavar=option.metavar,
            dest=option.ini,
            help=text,
        )
        kind: Literal["linelist", "string"] = "linelist" if option.many else "string"
        text = f"same as --{option.name}: {option.help}"
        parser.addini(option.ini, text, type=kind, default=None)
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
        # Lists in TOML come as they are.
        if not all(isinstance(word, str) for word in words) or not (option.many or len(words) < 2):
            what = "texts" if option.many else "one text"
            raise UsageError(f"{option.ini} must be {what} in quotes, found {shown(value)}")
        if "" in words:
            raise UsageError(f"--{option.name} is empty; give {option.metavar}, or leave it out")
        given[option.name] = words or ([option.default] if option.default else [])

    def one(name: str) -> str | None:
        return given[name][0] if given[name] else None

    def must(name: str) -> str:
        return given[name][0]

    def whole_or_none(name: str, least: int, most: int = LARGEST_WHOLE) -> int | None:
        text = one(name)
        return None if text is None else read_whole(f"--{name}", text, least, most)

    for file in given["extension"]:
        load_extension(config.rootpath / file)
    paths = ("data", "hwa", "calibration", "lock", "json", "baselines")
    named = [(name, one(name)) for name in paths] + [("model", word) for word in given["model"]]
    _check_ini_found(config, named)
    root = config.rootpath
    json_file, tile, hwa = one("json"), one("tile"), one("hwa")
    if json_file and Path(json_file).suffix != ".json":
        # The page is written beside it, with `.html`: the same name would replace the results.
        raise UsageError(f"--json must name a file that ends in .json, found {json_file!r}")
    noises = tuple(parse_noise(text) for text in given["noise"])
    extensions = [(file, read_own(config.rootpath / file)) for file in given["extension"]]
    contents = {
        "extension": [f"{file}@{fingerprint(content)}" for file, content in extensions],
        "noise": list(map(spelt_with_content, given["noise"], noises)),
        "hardware": [spelt_with_content(must("hardware"))],
    }
    return Settings(
        choice=Choice(
            models=tuple(given["model"]),
            layers=tuple(given["layer"]),
            noises=noises,
            drift_s=tuple(
                read_amount("--drift", text, "a number of seconds") for text in given["drift"]
            ),
            variants=tuple(one_of("--variant", t, get_args(Variant)) for t in given["variant"]),
            tile=one_of("--tile", tile, tuple(simulators())) if tile else None,
            hardware=read_hardware(must("hardware")),
            prompt=one("prompt"),
        ),
        budget=one_of("--budget", must("budget"), BUDGETS),
        chips=whole_or_none("chips", 1, MOST_CHIPS),
        examples=0 if one("examples") == "all" else whole_or_none("examples", 1),
        data=must("data"),
        zoo=one_of("--zoo", must("zoo"), ZOOS),
        hwa=root / hwa if hwa else None,
        calibration=read_calibration(must("calibration"), root),
        lock=root / must("lock"),
        device=must("device"),
        precision=one_of("--precision", must("precision"), get_args(Precision)),
        seed=read_whole("--seed", must("seed")),
        replay=one_of("--replay", must("replay"), ("on", "off")) == "on",
        per_example=one_of("--per-example", must("per-example"), get_args(KeptExamples)),
        json=Path(json_file) if json_file else None,
        baselines=root / must("baselines"),
        data_folder=data_folder(),
        gate=one_of("--gate", must("gate"), get_args(GateMode)),
        requirements=tuple(parse_requirement(text, METRICS) for text in given["max-drop"]),
        update_baselines=bool(config.getoption("analog_bench_update_baselines")),
        report=one_of("--report", must("report"), ("on", "off")) == "on",
        resume=bool(config.getoption("analog_bench_resume")),
        shard=parse_shard(must("shard")) if given["shard"] else None,
        given={name: ", ".join(words) for name, words in {**given, **contents}.items() if words},
        root=root,
        extensions=tuple(root / file for file in given["extension"]),
    )


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Refuse a number of workers that xdist would fail at, before it tries."""
    workers = getattr(config.option, "numprocesses", None)
    if isinstance(workers, int) and not 0 <= workers <= _MOST_WORKERS:  # or `auto`
        raise pytest.UsageError(f"-n must be from 0 to {_MOST_WORKERS}, found {workers}")
    return (yield)


def _check_ini_found(config: pytest.Config, paths: Iterable[tuple[str, str | None]]) -> None:
    """Refuse a path that pytest has taken for a test.

    Before it knows the options of plugins, pytest takes the word behind `--data` for a test path
    where it exists, looks for its ini file above all of these, and may find none.
    """
    here = config.invocation_params.dir
    lost = config.inipath is None and any(
        os.path.isfile(folder / name) for folder in (here, *here.parents) for name in _INI_FILES
    )
    for name, value in paths:
        if lost and value in config.invocation_params.args:
            raise UsageError(
                f"pytest takes {value} for a test path and misses its ini file; "
                f"write --{name}={value}"
            )
