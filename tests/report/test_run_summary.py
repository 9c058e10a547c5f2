from pathlib import Path

from msgspec.structs import replace

from analog_bench.gate.case_verdicts import Verdict, judge, judge_digital
from analog_bench.records import Scope
from analog_bench.report.run_summary import digital_line, incomplete_line, run_summary
from analog_bench.store.baseline import Change, DigitalEntry, Provenance
from analog_bench.store.run import AGAIN, Group, Incomplete, Unmeasured

WHEN = Provenance("2026-01-02T03:04:05+00:00", None, None, None, None)


def plain(paragraph):
    return "\n".join("".join(piece.text for piece in line) for line in paragraph.lines)


def summary_of(*args, **options):
    return plain(run_summary(*args, **options))


def line_of(*args):
    return plain(digital_line(*args))


def judged(results, kinds, reason):
    return [
        (result, Verdict(kind, "f1", None, None, 1.0, False, reason))
        for result, kind in zip(results, kinds, strict=False)
    ]


def test_counts_and_failing_cases(bert):
    kinds = ["equivalent", "equivalent", "equivalent", "regressed", "inconclusive", "broken"]
    lines = summary_of(judged(bert, kinds, "f1 changed")).splitlines()
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
    text = summary_of([(result, judge(result, None, metrics[0])) for result in skipped])
    assert text.splitlines() == [
        "4 cases: 4 skipped",
        "skipped 2: no C++ tile: torch 2.13",
        "skipped 1: no reason is given",
        "skipped 1: [bold]odd",
    ]


def test_new_and_stale_cases_lead_to_the_update(bert, metrics):
    pairs = [(result, judge(result, None, metrics[0])) for result in bert]
    pairs += judged(bert, ["stale", "stale"], "the baseline is of another protocol")
    text = summary_of(pairs, results_file=Path("runs") / "last.json")
    assert text.splitlines() == [
        "55 cases: 53 new, 2 stale",
        "stale 2: the baseline is of another protocol",
        "55 without a baseline to compare with: run again with --update-baselines to store them",
        f"results: {Path('runs') / 'last.json'}",
    ]
    assert "--update-baselines" not in summary_of(judged(bert, ["equivalent"], ""))


def test_of_a_model_that_may_be_guessing_nothing_is_to_be_stored(bert, metrics):
    scope = Scope(bert[0].study, bert[0].model, "which layers?", "embedded", 96, "f1", {})
    for chance, advised in ((4.0, True), (bert[0].digital["f1"], False)):
        own = tuple(replace(result, chance={"f1": chance}) for result in bert)
        groups = [Group(scope, own, tuple(metrics))]
        said = summary_of(judged(own, ["new"] * len(own), ""), groups=groups)
        assert ("--update-baselines" in said) == advised


def test_after_an_update_the_changes_are_told(bert, metrics):
    pairs = [(result, judge(result, None, metrics[0])) for result in bert]
    changes = [
        Change("bert/a", "drift", "p", "f1", None, 60.0),
        Change("bert/b", "drift", "p", "f1", 60.0, 59.5),
    ]
    text = summary_of(pairs, changes=changes)
    assert text.splitlines()[1:] == [
        "baselines: 1 score new, 1 changed: 2 cases of bert (MiniLM-L6), in baselines",
        "  drift bert/b f1: 60 -> 59.5 (-0.5)",
    ]
    more_chips = [*changes, Change("bert/c", "drift", "p", "f1", 60.0, 60.0)]
    assert summary_of(pairs, changes=more_chips).splitlines()[1:] == [
        "baselines: 1 score new, 1 changed, 1 as before with other chips or facts: 3 cases of "
        "bert (MiniLM-L6), in baselines",
        "  drift bert/b f1: 60 -> 59.5 (-0.5)",
    ]
    named = [Change(bert[0].case_id, bert[0].study, bert[0].protocol, "f1", 60.0, 59.5)]
    worse = summary_of(judged(bert, ["regressed"], "why"), changes=named)
    named_case = f"  layer_noise {bert[0].case_id} f1: 60 -> 59.5 (-0.5)"
    assert worse.splitlines()[-1] == f"{named_case} regressed"
    # The same id in another study is another case.
    other = [replace(named[0], study="drift")]
    told = summary_of(judged(bert, ["regressed"], "why"), changes=other)
    assert told.splitlines()[-1] == f"  drift {bert[0].case_id} f1: 60 -> 59.5 (-0.5)"
    many = [Change(f"bert/{n}", "drift", "p", "f1", 1.0, 2.0) for n in range(25)]
    assert summary_of(pairs, changes=many).splitlines()[-1] == "  and 5 more"
    assert summary_of(pairs, changes=[]).endswith("baselines: nothing changed")


def test_a_run_of_nothing():
    assert summary_of([]) == "0 cases: nothing was measured"


def test_digital_line(bert, metrics):
    scores = {"f1": 71.2, "em": 60.5}
    entry = DigitalEntry("p", "w", 200, {"f1": 72.0}, WHEN)
    result = replace(bert[0], digital=scores, protocol="p", weights="w")
    verdicts = {m.name: judge_digital(result, entry, m) for m in metrics}
    line = line_of("bert", scores, verdicts, metrics)
    assert line == "bert digital: F1 71.20 (stored 72.00, regressed) · EM 60.50 (new)"
    assert line_of("bert", scores, {}, metrics[:1]) == "bert digital: F1 71.20"


def test_a_run_that_fails_as_before_is_not_just_to_be_resumed():
    failed = tuple(Unmeasured("drift", f"bert/{n}", f"{AGAIN}no") for n in range(2))
    said = incomplete_line(Incomplete(failed, "pytest --resume"), 0)
    assert said == (
        "incomplete: 2 of 2 cases not measured (2 failed: as before: no); mend what failed, or "
        "delete the journal of the run to leave it as it is; to complete the run: pytest --resume"
    )
    others = (Unmeasured("drift", "bert/2"), Unmeasured("drift", "bert/2", "no"))
    for other in others:
        said = incomplete_line(Incomplete((*failed, other), "pytest --resume"), 0)
        assert "mend what failed" not in said


def test_what_is_missing_is_a_line_with_the_command_that_measures_it():
    missing = tuple(Unmeasured("drift", f"bert/{n}") for n in range(3))
    said = incomplete_line(Incomplete(missing[:1], "pytest --resume"), 0)
    assert said == "incomplete: 1 of 1 case not measured; to complete the run: pytest --resume"
    failed = tuple(replace(case, reason=why) for case, why in zip(missing, "bab", strict=True))
    said = incomplete_line(Incomplete((*missing, *failed), "pytest --resume"), 6)
    assert said == (
        "incomplete: 6 of 12 cases not measured (3 failed: b ...); to complete the run: pytest "
        "--resume"
    )


def test_a_digital_model_without_scores_is_broken(bert, metrics):
    assert line_of("bert", {}, {}, metrics) == "bert digital: broken"
    why = "digital: the model's outputs are not finite numbers"
    broken = replace(bert[0], status="broken", reason=why, digital={}, chips=())
    verdict = judge_digital(broken, None, metrics[0])
    assert line_of("bert", {}, {"f1": verdict}, metrics) == f"bert digital: broken, {why}"
