"""The options of a bench run: on the command line, or as ini values of the same names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import pytest

from analog_bench.precision_target import MOST_CHIPS_TO_REACH_IT
from analog_bench.simulators.registry import DEFAULT_TILE, simulators
from analog_bench.tasks.data_folder import DATA_VARIABLE
from analog_bench.zoo.range_folder import DEFAULT_METHOD, RangeMethod


@dataclass(frozen=True)
class Option:
    """An option that takes a value, and the ini value of its name."""

    name: str
    metavar: str
    about: str
    many: bool = False
    default: str = ""

    @property
    def help(self) -> str:
        """What `--help` says of it."""
        return self.about + "; may be repeated" * self.many

    @property
    def ini(self) -> str:
        """Its name in ini files, and in the namespace of parsed options."""
        return "analog_bench_" + self.name.replace("-", "_")


OPTIONS = (
    Option("extension", "FILE", "Python file with noises or simulators of your own", many=True),
    Option(
        "model",
        "NAME",
        "model of the zoo, such as bert, or a folder that save_pretrained wrote",
        many=True,
    ),
    Option(
        "layer",
        "PATTERN",
        "shell-style pattern of layer names, such as 'encoder.layer.0.*'",
        many=True,
    ),
    Option(
        "noise",
        "NAME[:PARAMETERS]",
        "noise in place of the study's own, such as white_output:std=1, pcm, measured:FILE.csv or "
        "preset:FILE.py:FUNCTION",
        many=True,
    ),
    Option(
        "variant",
        "VARIANT",
        "direct (digital weights as they are), calibrated (the same, with input ranges fitted to "
        "the hardware) or hwa (weights of hardware-aware training), in place of the study's own",
        many=True,
    ),
    Option("drift", "SECONDS", "drift time in seconds", many=True),
    Option("chips", "N", "chips a case, in place of the budget's number"),
    Option(
        "precision-target",
        "X[,P%]",
        "add chips to each case until half of its 95 percent interval over chips is at most X "
        "margins of the main metric (1: a point of F1, or 0.02 nats) or P percent of what it lost, "
        "whichever is wider; --chips is the most (default: "
        f"{MOST_CHIPS_TO_REACH_IT}, or the budget's number)",
    ),
    Option(
        "examples",
        "N",
        "questions, texts or blocks of text, or 'all', in place of the budget's number",
    ),
    Option(
        "data",
        "SOURCE",
        "embedded, hub, a file (.json: questions, .txt: text, .csv, .tsv or .jsonl: labelled "
        "texts) or a folder of texts; squad, or for text "
        f"wikitext-2 or wikitext-2-raw, from ${DATA_VARIABLE}, else locked from the hub",
        default="embedded",
    ),
    Option("prompt", "TEXT", "what studies of generation write on from"),
    Option("zoo", "ZOO", "where named models come from: embedded or hub", default="embedded"),
    Option(
        "hwa",
        "FOLDER",
        "folder of HWA weights, with one folder a model, such as runs/hwa where training leaves "
        "them; those that come along by default",
    ),
    Option(
        "calibration",
        "METHOD",
        "how input ranges of the variant calibrated are found: "
        f"{', '.join(get_args(RangeMethod))}; or a folder, with one folder a model, that "
        "`analog-bench calibrate` has written",
        default=DEFAULT_METHOD,
    ),
    Option("lock", "FILE", "the file that pins hub downloads", default="zoo.lock.json"),
    Option(
        "tile",
        "ENGINE",
        f"simulator: {' or '.join(simulators())}; {DEFAULT_TILE} by default, unless the study says "
        "otherwise",
    ),
    Option(
        "hardware",
        "PRESET",
        "hardware that tiles start from: a preset of aihwkit, or FILE.py:FUNCTION for one of your "
        "own; ideal adds nothing to the noise",
        default="ideal",
    ),
    Option(
        "plan",
        "FILE",
        "measure this plan of `analog-bench plan`, and nothing else: at its noise, time and "
        "weights where none are named",
        many=True,
    ),
    Option("device", "DEVICE", "where torch computes, such as cpu or cuda", default="cpu"),
    Option("precision", "NAME", "of products: float32, tf32 or bfloat16", default="float32"),
    Option("budget", "NAME", "smoke, nightly or full", default="smoke"),
    Option("seed", "N", "the run's one seed", default="1"),
    Option("replay", "VALUE", "on, or off to compute every case from the inputs", default="on"),
    Option(
        "per-example",
        "VALUE",
        "on or off: keep each example's score, for intervals over examples; auto keeps few",
        default="auto",
    ),
    Option("shard", "K/N", "the K-th of N parts only; `analog-bench merge` joins and judges them"),
    Option(
        "workers",
        "N or ADDRESS",
        "processes of this machine that measure, one thread each; or a cluster of dask.distributed "
        "that does, such as tcp://host:8786",
    ),
    Option("threads", "N", "threads that torch computes with, in each process"),
    Option("json", "FILE", "where results go; a new file in runs/ by default"),
    Option("report", "MODE", "on, or off: write no HTML report beside the results", default="on"),
    Option("baselines", "FOLDER", "folder of baselines", default="baselines"),
    Option(
        "gate",
        "MODE",
        "fail cases that regressed from the baseline, only warn of them, or off: do not compare",
        default="fail",
    ),
    Option(
        "max-drop",
        "METRIC=VALUE",
        "fail cases whose score lies more than this from digital, in place of the comparison with "
        "the baseline",
        many=True,
    ),
)

FLAGS = {
    "update-baselines": "store what is measured as the new baselines, and say what changed",
    "forecast": "say how long the selected cases will take, study by study, and measure nothing",
    "resume": "continue the interrupted run of --json FILE, or the newest one in runs/",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare every option and its ini value."""
    group = parser.getgroup("analog_bench", "robustness benchmarks on analog hardware")
    for option in OPTIONS:
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
    for name, about in FLAGS.items():
        dest = "analog_bench_" + name.replace("-", "_")
        group.addoption(f"--{name}", action="store_true", dest=dest, help=about)
