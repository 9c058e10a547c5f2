"""Stored baselines stay valid: measured again, every shipped case is `equivalent`."""

from pathlib import Path

import pytest

from analog_bench.gate.case_verdicts import judge_family, needs_confirmation
from analog_bench.records import Measurement, Result
from analog_bench.store.baseline_file import read_cases, read_digital
from analog_bench.tasks.task_kinds import KINDS

FOLDER = Path(__file__).parents[2] / "baselines"
FILES = sorted(FOLDER.glob("*/*/*.json"))
MAIN = [kind.metrics[0] for kind in KINDS.values()]


def measured_again(stored, entry):
    """Return what the same chips score if nothing changed."""
    chips = tuple(
        Measurement(chip.chip, dict(chip.scores), {}, chip.fingerprint, 1.0)
        for chip in entry.initial_chips
    )
    return Result(
        entry.case_id, stored.study, stored.model, "", "pcm", 0.0, "torch", "ideal",
        stored.variant, entry.case_version, entry.protocol, entry.weights, entry.seed, "measured",
        "", dict(entry.digital), {}, chips,
    )  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_shipped_case_is_equivalent_to_itself(path):
    variant, model, study = path.relative_to(FOLDER).with_suffix("").parts
    stored = read_cases(FOLDER, variant, model, study)
    family = [(measured_again(stored, entry), entry) for entry in stored.entries.values()]
    (metric,) = [metric for metric in MAIN if metric.name in family[0][1].chips[0].scores]
    digital = read_digital(FOLDER, model).entries
    examples = {entry.protocol: digital[entry.protocol].examples for _, entry in family}
    assert not any(needs_confirmation(*case, metric, examples) for case in family)
    verdicts = judge_family(family, metric, examples)
    assert {(v.kind, v.change, v.paired) for v in verdicts} == {("equivalent", 0.0, True)}


def test_they_are_many():
    stored = [read_cases(FOLDER, *path.relative_to(FOLDER).with_suffix("").parts) for path in FILES]
    assert sum(len(baseline.entries) for baseline in stored) >= 260
