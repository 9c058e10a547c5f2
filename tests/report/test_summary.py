from pathlib import Path

import pytest
from msgspec.structs import replace

from analog_bench.gate.digital import judge_digital
from analog_bench.gate.verdict import Verdict, judge
from analog_bench.report.summary import digital_line, run_summary
from analog_bench.store.baseline import Change, DigitalEntry, Provenance

WHEN = Provenance("2026-01-02T03:04:05+00:00", None, None, None, None)


def judged(results, kinds, reason):
    return [
        (result, Verdict(kind, "f1", None, None, 1.0, False, reason))
        for result, kind in zip(results, kinds, strict=False)
    ]


def test_counts_and_failing_cases(bert):
    kinds = ["equivalent", "equivalent", "equivalent", "regressed", "inconclusive", "broken"]
    lines = run_summary(judged(bert, kinds, "f1 changed")).plain.splitlines()
    assert lines == [
        "6 cases: 1 regressed, 1 broken, 3 equivalent, 1 inconclusive",
        f"regressed layer_noise {bert[3].case_id}: f1 changed",
        f"broken layer_noise {bert[5].case_id}: f1 changed",
    ]


def test_skips_are_grouped_by_reason(bert, metrics):
    reasons = ["no C++ tile:\ntorch 2.13", "no C++ tile:\ntorch 2.13", "", "[bold]odd"]
    skipped = [
        replace(result, status="skipped", reason=why, chips=())
        for result, why in zip(bert, reasons, strict=False)
    ]
    text = run_summary([(result, judge(result, None, metrics[0])) for result in skipped]).plain
    assert text.splitlines() == [
        "4 cases: 4 skipped",
        "skipped 2: no C++ tile: torch 2.13",
        "skipped 1: no reason is given",
        "skipped 1: [bold]odd",
    ]


def test_new_and_stale_cases_lead_to_the_update(bert, metrics):
    pairs = [(result, judge(result, None, metrics[0])) for result in bert]
    pairs += judged(bert, ["stale", "stale"], "the baseline is of another protocol")
    text = run_summary(pairs, results_file=Path("runs") / "last.json").plain
    assert text.splitlines() == [
        "55 cases: 53 new, 2 stale",
        "stale 2: the baseline is of another protocol",
        "55 without a baseline to compare with: run again with --update-baselines to store them",
        f"results: {Path('runs') / 'last.json'}",
    ]
    assert "--update-baselines" not in run_summary(judged(bert, ["equivalent"], "")).plain


def test_after_an_update_the_changes_are_told(bert, metrics):
    pairs = [(result, judge(result, None, metrics[0])) for result in bert]
    changes = [
        Change("bert/a", "drift", "p", "f1", None, 60.0),
        Change("bert/b", "drift", "p", "f1", 60.0, 59.5),
    ]
    text = run_summary(pairs, changes=changes).plain
    assert text.splitlines()[1:] == [
        "baselines: 1 score new, 1 changed",
        "  drift bert/b f1: 60 -> 59.5 (-0.5)",
    ]
    more_chips = [*changes, Change("bert/c", "drift", "p", "f1", 60.0, 60.0)]
    assert run_summary(pairs, changes=more_chips).plain.splitlines()[1:] == [
        "baselines: 1 score new, 1 changed, 1 as before with other chips or facts",
        "  drift bert/b f1: 60 -> 59.5 (-0.5)",
    ]
    named = [Change(bert[0].case_id, bert[0].study, bert[0].protocol, "f1", 60.0, 59.5)]
    worse = run_summary(judged(bert, ["regressed"], "why"), changes=named).plain
    named_case = f"  layer_noise {bert[0].case_id} f1: 60 -> 59.5 (-0.5)"
    assert worse.splitlines()[-1] == f"{named_case} regressed"
    # The same id in another study is another case.
    other = [replace(named[0], study="drift")]
    told = run_summary(judged(bert, ["regressed"], "why"), changes=other).plain
    assert told.splitlines()[-1] == f"  drift {bert[0].case_id} f1: 60 -> 59.5 (-0.5)"
    many = [Change(f"bert/{n}", "drift", "p", "f1", 1.0, 2.0) for n in range(25)]
    assert run_summary(pairs, changes=many).plain.splitlines()[-1] == "  and 5 more"
    assert run_summary(pairs, changes=[]).plain.endswith("baselines: nothing changed")


def test_a_run_of_nothing():
    assert run_summary([]).plain == "0 cases: nothing was measured"


@pytest.mark.parametrize("ascii_only", [False, True])
def test_digital_line(metrics, ascii_only):
    scores = {"f1": 71.2, "em": 60.5}
    entry = DigitalEntry("p", "w", 200, {"f1": 72.0}, WHEN)
    verdicts = {m.name: judge_digital(scores, entry, m, protocol="p", weights="w") for m in metrics}
    line = digital_line("bert", scores, verdicts, metrics, ascii_only=ascii_only).plain
    dot = "|" if ascii_only else "·"
    assert line == f"bert digital: F1 71.20 (stored 72.00, regressed) {dot} EM 60.50 (new)"
    assert digital_line("bert", scores, {}, metrics[:1]).plain == "bert digital: F1 71.20"
