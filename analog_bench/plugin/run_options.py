"""The options of a bench run, read and checked: see `option_declarations`."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import get_args

import pytest

from analog_bench.case import Variant
from analog_bench.codec import LARGEST_WHOLE
from analog_bench.content_name import fingerprint
from analog_bench.errors import UsageError
from analog_bench.gate.max_drop import parse_requirement
from analog_bench.noise import parse_noise
from analog_bench.planning.plan_record import read_plan
from analog_bench.plugin.option_declarations import OPTIONS
from analog_bench.precision_target import parse_target
from analog_bench.records import Precision
from analog_bench.session.extension import load_extension, read_own
from analog_bench.session.own_hardware import read_hardware, spelt_with_content
from analog_bench.session.settings import (
    MOST_PROCESSES,
    GateMode,
    KeptExamples,
    NamedPlan,
    Settings,
    read_calibration,
    read_workers,
)
from analog_bench.simulators.registry import simulators
from analog_bench.store.shard import parse_shard
from analog_bench.study import BUDGETS, MOST_CHIPS, Choice
from analog_bench.tasks.data_folder import data_folder
from analog_bench.tasks.task_kinds import METRICS
from analog_bench.value_checks import one_of, read_amount, read_whole, shown
from analog_bench.zoo.model_specs import ZOOS
from analog_bench.zoo.own_folder import check_folder, is_folder

_INI_FILES = ("pytest.toml", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_MOST_THREADS = 1024


def read_settings(config: pytest.Config) -> Settings:
    """Read and check the options; raises UsageError."""
    given: dict[str, list[str]] = {}
    for option in OPTIONS:
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
    named += [("plan", word) for word in given["plan"]]
    _check_ini_found(config, named)
    # Not only where its cases are made: `-k` may leave all of them out, and the mistake with them.
    for word in filter(is_folder, given["model"]):
        check_folder(Path(word), f"--model {word}")
    root = config.rootpath
    json_file, tile, hwa = one("json"), one("tile"), one("hwa")
    if json_file and Path(json_file).suffix != ".json":
        # The page is written beside it, with `.html`: the same name would replace the results.
        raise UsageError(f"--json must name a file that ends in .json, found {json_file!r}")
    workers = read_workers(must("workers")) if given["workers"] else None
    if workers is not None and getattr(config.option, "numprocesses", None):
        raise UsageError("-n and --workers are two ways to measure in several processes; give one")
    # Processes of one machine are as many as it has cores to give.
    own_threads = 1 if isinstance(workers, int) else None
    noises = tuple(parse_noise(text) for text in given["noise"])
    extensions = [(file, read_own(config.rootpath / file)) for file in given["extension"]]
    contents = {
        "extension": [f"{file}@{fingerprint(content)}" for file, content in extensions],
        "noise": list(map(spelt_with_content, given["noise"], noises)),
        "hardware": [spelt_with_content(must("hardware"))],
    }
    if given["plan"] and given["layer"]:
        raise UsageError("--plan says which layers are analog; leave out --layer")
    plans = tuple(NamedPlan(file, read_plan(root / file)) for file in given["plan"])
    contents["plan"] = [plan.with_content for plan in plans]
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
        precision_target=(
            parse_target(must("precision-target")) if given["precision-target"] else None
        ),
        workers=workers,
        threads=whole_or_none("threads", 1, _MOST_THREADS) or own_threads,
        given={name: ", ".join(words) for name, words in {**given, **contents}.items() if words},
        root=root,
        extensions=tuple(root / file for file in given["extension"]),
        plans=plans,
    )


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Refuse a number of workers that xdist would fail at, before it tries."""
    workers = getattr(config.option, "numprocesses", None)
    if isinstance(workers, int) and not 0 <= workers <= MOST_PROCESSES:  # or `auto`
        raise pytest.UsageError(f"-n must be from 0 to {MOST_PROCESSES}, found {workers}")
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
