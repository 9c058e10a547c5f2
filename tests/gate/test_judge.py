"""A run's verdicts: cases variant by variant, and one verdict on the digital model."""

import pytest
from msgspec.structs import replace

from analog_bench.gate.run_verdicts import StoredBaselines, judge_groups, outcomes
from analog_bench.records import Measurement, Metric, Result, Scope
from analog_bench.session.run_conclusion import store_baselines
from analog_bench.store.baseline import DigitalEntry, Provenance
from analog_bench.store.baseline_file import update_cases, update_digital
from analog_bench.store.run import Group

F1 = Metric("f1", "points", True, 1.0)
SCOPE = Scope("drift", "bert", "what is left?", "embedded questions", 96, "f1", {})
NOW = Provenance("2026-11-23T10:00:00+00:00", None, None, None, None)


def result(variant, f1=60.0, **changed):
    chips = tuple(Measurement(n, {"f1": f1 + n}, {}, (), 1.0) for n in range(3))
    made = Result(
        f"bert/all/pcm/1s/torch/{variant}", "drift", "bert", "all", "pcm", 1.0, "torch", "ideal",
        variant, 1, "p1", f"w-{variant}", 7, "measured", "", {"f1": 79.0}, {}, chips,
    )  # fmt: skip
    return replace(made, **changed)


DIRECT, HWA = result("direct"), result("hwa", f1=70.0)


def group(*results):
    return Group(SCOPE, results, (F1,))


@pytest.fixture
def stored(tmp_path):
    update_cases(tmp_path, [DIRECT, HWA], NOW)
    entry = DigitalEntry("p1", DIRECT.weights, 96, {"f1": 79.0}, NOW)
    update_digital(tmp_path, "bert", entry)
    return tmp_path


@pytest.mark.parametrize("results", [(DIRECT, HWA), (HWA, DIRECT)])
def test_the_digital_verdict_is_that_of_the_digital_weights(stored, results):
    found = judge_groups([group(*results)], StoredBaselines(stored))
    assert {v.kind for v in found.cases.values()} == {"equivalent"}
    assert len(found.cases) == 2
    assert list(found.digital) == [("drift", "bert")]
    assert found.digital_of(SCOPE)["f1"].kind == "equivalent"


def test_hwa_weights_alone_reach_no_verdict_on_the_digital_model(stored):
    found = judge_groups([group(HWA)], StoredBaselines(stored))
    assert found.digital == {}
    assert found.digital_of(SCOPE) == {}
    assert group(HWA).digital is None
    assert group(HWA, DIRECT).digital is DIRECT


def test_no_protocol_hides_that_the_digital_model_regressed_under_another(stored):
    fine = replace(DIRECT, protocol="p2")
    entry = DigitalEntry("p2", DIRECT.weights, 96, {"f1": 79.0}, NOW)
    update_digital(stored, "bert", entry)
    worse = replace(DIRECT, digital={"f1": 70.0})
    for results in ((fine, worse), (worse, fine)):
        verdict = judge_groups([group(*results)], StoredBaselines(stored)).digital_of(SCOPE)["f1"]
        assert (verdict.kind, verdict.change) == ("regressed", -9.0)


def test_variants_never_meet(stored):
    worse = result("hwa", f1=40.0, seed=8)
    skipped = replace(worse, case_id="bert/other", status="skipped", reason="no weights", chips=())
    found = judge_groups([group(DIRECT, worse, skipped)], StoredBaselines(stored))
    kinds = {case: verdict.kind for (case, *_), verdict in found.cases.items()}
    assert kinds[DIRECT.case_id] == "equivalent"
    assert kinds[worse.case_id] != "equivalent"
    assert kinds["bert/other"] == "skipped"
    assert found.digital_of(SCOPE)["f1"].kind == "equivalent"


def test_what_two_studies_or_protocols_share_is_judged_apart(stored):
    other_study = replace(DIRECT, study="hardware")
    other_protocol = replace(DIRECT, protocol="another")
    hardware = replace(SCOPE, study="hardware")
    groups = [group(DIRECT, other_protocol), Group(hardware, (other_study,), (F1,))]
    found = judge_groups(groups, StoredBaselines(stored))
    kinds = {which[1:]: verdict.kind for which, verdict in found.cases.items()}
    assert kinds == {
        (DIRECT.study, DIRECT.protocol): "equivalent",
        (DIRECT.study, "another"): "stale",
        ("hardware", DIRECT.protocol): "new",
    }
    said = {result.identity: verdict for result, verdict in outcomes(groups, found)}
    assert said == found.cases


def test_what_is_broken_or_skipped_is_so_without_a_baseline():
    kinds = ("skipped", "broken")
    others = [replace(DIRECT, case_id=k, status=k, reason="why", chips=()) for k in kinds]
    found = outcomes([group(DIRECT, *others)], None)
    assert [(r.case_id, v.kind, v.reason) for r, v in found] == [(k, k, "why") for k in kinds]


def test_stale_cases_and_digital_scores_say_how_many_examples_there_were(stored):
    fewer = replace(SCOPE, examples=8)
    other = [replace(DIRECT, protocol="p2")]
    found = judge_groups([Group(fewer, tuple(other), (F1,))], StoredBaselines(stored))
    (verdict,) = found.cases.values()
    assert verdict.reason == "the baseline is of another protocol: 96 examples then, 8 now"


def on_a_gpu(*f1, device="NVIDIA H200"):
    chips = tuple(Measurement(n, {"f1": score}, {}, (), 1.0) for n, score in enumerate(f1))
    return replace(DIRECT, chips=chips, device=device)


@pytest.fixture
def measured_here(tmp_path):
    """Return baselines of a processor: three initial chips, and six to confirm."""
    more = [60.4, 60.1, 59.8, 60.0, 60.2, 59.9]
    chips = [Measurement(1000 + n, {"f1": f1}, {}, (), 1.0) for n, f1 in enumerate(more)]
    first = [Measurement(n, {"f1": f1}, {}, (), 1.0) for n, f1 in enumerate((60.0, 60.3, 59.7))]
    here = replace(DIRECT, chips=(*first, *chips))
    store_baselines([group(here)], NOW, tmp_path)
    return tmp_path, here


def test_a_gpu_is_compared_with_all_chips_of_the_processor_unpaired(measured_here):
    folder, _ = measured_here

    def verdict(*f1):
        (found,) = judge_groups([group(on_a_gpu(*f1))], StoredBaselines(folder)).cases.values()
        assert not found.paired
        assert f"{len(f1)} chips against 9, unpaired: the baseline is of cpu" in found.reason
        return found.kind

    alike = [60.1, 60.4, 59.7, 59.9, 60.2, 60.0, 60.3, 59.8, 60.1]
    assert verdict(*alike) == "equivalent"
    assert verdict(*(f1 - 3 for f1 in alike)) == "regressed"
    # So few may hide that one answer in three has changed.
    assert verdict(*alike[:3]) == "inconclusive"


def test_updating_on_a_gpu_keeps_what_the_processor_measured(measured_here):
    folder, here = measured_here
    there = on_a_gpu(60.2, 60.1, 59.9)
    assert store_baselines([group(there)], NOW, folder)
    for own in (there, here):
        (found,) = judge_groups([group(own)], StoredBaselines(folder)).cases.values()
        assert (found.kind, found.paired, found.change) == ("equivalent", True, 0.0)
    # Another GPU draws other numbers.
    other = on_a_gpu(60.2, 60.1, 59.9, device="NVIDIA A100")
    (found,) = judge_groups([group(other)], StoredBaselines(folder)).cases.values()
    assert not found.paired
    assert "the baseline is of NVIDIA H200, and this is of NVIDIA A100" in found.reason
