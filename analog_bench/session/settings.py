"""What a run was asked for: its options, read and checked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from analog_bench.case import Case
from analog_bench.codec import layout, plain
from analog_bench.content_name import fingerprint
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.gate.max_drop import Requirement
from analog_bench.planning.plan_record import Plan
from analog_bench.precision_target import (
    FEWEST_CHIPS_TO_REACH_IT,
    MOST_CHIPS_TO_REACH_IT,
    PrecisionTarget,
)
from analog_bench.records import Precision
from analog_bench.store.shard import Shard
from analog_bench.study import Budget, BudgetName, Choice, Study
from analog_bench.value_checks import read_whole, shown
from analog_bench.zoo.devices import check_precision
from analog_bench.zoo.range_folder import DEFAULT_METHOD, RangeMethod

MOST_PROCESSES = 1000
_CLUSTER = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
GateMode = Literal["off", "warn", "fail"]
KeptExamples = Literal["auto", "on", "off"]
MOST_KEPT = 1000
"""Examples up to which results keep each one's scores unless told otherwise: files stay small."""


class NamedPlan(NamedTuple):
    """A plan, and the file that it was read from."""

    file: str
    plan: Plan

    @property
    def with_content(self) -> str:
        """The file's name with a fingerprint of the plan, for a run's manifest."""
        return f"{self.file}@{fingerprint(layout(plain(self.plan)))}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A run's options, read and checked; `pytest --help` says what each is for.

    The defaults are for verbs that measure by themselves: they compare, resume and report nothing.

    Attributes:
        choice: What to measure in place of the studies' own.
        chips: Chips a case, at most where there is a precision to reach; None for the budget's
            number.
        examples: Examples; None for the budget's number, 0 for all.
        hwa: Folder of HWA weights, with one folder a model; None for those that come along.
        json: Where results go; None for a new file.
        requirements: What is demanded of cases in place of their baselines.
        given: The options as they were given, for the run's manifest.
        root: Pytest's root folder, from which results name files.
        shard: Which part of the run this is; None for the whole of it. A shard is not judged.
        precision_target: How well each case is to be known; None for what the budget says.
        workers: How many processes of this machine measure, or the address of the cluster that
            does; None where pytest's own process does.
        threads: Threads that torch computes with in each process; None for torch's own number.

    Raises:
        UsageError: There is no such folder of HWA weights, no such device, or it has no such
            precision.
    """

    choice: Choice
    budget: BudgetName = "smoke"
    chips: int | None = None
    examples: int | None = None
    data: str = "embedded"
    zoo: str
    hwa: Path | None = None
    calibration: RangeMethod | Path = DEFAULT_METHOD
    lock: Path
    device: str
    seed: int
    replay: bool = True
    per_example: KeptExamples
    json: Path | None = None
    baselines: Path = Path("baselines")
    data_folder: Path | None = None
    gate: GateMode = "off"
    requirements: tuple[Requirement, ...] = ()
    update_baselines: bool = False
    report: bool = False
    resume: bool = False
    given: dict[str, str] = field(default_factory=dict)
    root: Path = field(default_factory=Path.cwd)
    extensions: tuple[Path, ...] = ()
    shard: Shard | None = None
    precision_target: PrecisionTarget | None = None
    plans: tuple[NamedPlan, ...] = ()
    workers: int | str | None = None
    threads: int | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.precision_target and self.chips and self.chips < FEWEST_CHIPS_TO_REACH_IT:
            raise UsageError(
                f"--precision-target takes {FEWEST_CHIPS_TO_REACH_IT} chips at least, found "
                f"--chips {self.chips}; it is the most that a case gets"
            )
        check_precision(self.precision, self.device)
        if self.hwa is not None and not os.path.isdir(self.hwa):
            raise UsageError(
                f"--hwa must be a folder with one folder a model, found {str(self.hwa)!r}"
            )

    def budget_of(self, study: Study, model: str) -> Budget:
        """Return the run's budget for a study of a model, by its name there; raises UsageError."""
        if self.budget not in study.budgets:
            raise UsageError(
                f"study {study.name} has no budget {self.budget!r}; "
                f"{did_you_mean(self.budget, study.budgets)}"
            )
        own = study.budgets[self.budget].of(model)
        chips, precision = self.chips or own.chips, self.precision_target or own.precision
        if self.precision_target is not None and self.chips is None:
            # Budgets without a precision have a few chips, which would not do.
            chips = max(own.chips, MOST_CHIPS_TO_REACH_IT)
        elif precision is not None and chips < FEWEST_CHIPS_TO_REACH_IT:
            precision = None  # --chips asks for so few
        examples = own.examples if self.examples is None else (self.examples or None)
        return replace(own, chips=chips, examples=examples, precision=precision)

    def chips_of(self, case: Case, budget: Budget) -> int:
        """Return how many chips of a case are measured: others confirm a suspicion.

        At most, where there is a precision to reach.
        """
        if not case.draws:
            return 1
        fresh = len(budget.confirmation_chips) if self.update_baselines else 0
        return len(budget.initial_chips) + fresh

    def keeps_examples(self, examples: int) -> bool:
        """Return whether results keep the scores of so many examples one by one."""
        if self.per_example == "auto":
            return examples <= MOST_KEPT
        return self.per_example == "on"

    def prompt_of(self, study: Study) -> str | None:
        """Return what models write on from in a study; None where they read the run's data."""
        if study.prompt is None or self.choice.prompt is None:
            return study.prompt
        return self.choice.prompt


def read_workers(text: str) -> int | str:
    """Read what `--workers` says: a number of processes, or the address of a cluster."""
    if text.isdecimal():
        return read_whole("--workers", text, 1, MOST_PROCESSES)
    if not _CLUSTER.fullmatch(text):
        raise UsageError(
            "--workers must be a number of processes, or the address of a cluster such as "
            f"tcp://host:8786, found {shown(text)}"
        )
    return text


def read_calibration(text: str, root: Path) -> RangeMethod | Path:
    """Read what `--calibration` says: a method, or a folder below `root`; raises UsageError."""
    methods: tuple[RangeMethod, ...] = get_args(RangeMethod)
    for method in methods:
        if text == method:
            return method
    folder = root / text
    if not os.path.isdir(folder):
        raise UsageError(
            f"--calibration names no folder and no method, found {text!r}; "
            f"{did_you_mean(text, methods)}"
        )
    return folder
