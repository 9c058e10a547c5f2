"""Sub-networks of a tiny MobileBERT on real tiles: measured, kept, gone on with."""

from dataclasses import replace

import pytest
import torch
from msgspec.structs import replace as changed
from transformers import MobileBertForQuestionAnswering

from analog_bench.errors import UsageError
from analog_bench.planning.scenarios import DEFAULT_SCENARIO, find_scenarios
from analog_bench.planning.subnetwork_record import read_study
from analog_bench.session.subnetwork_study import (
    STUDY,
    SubNetworkLab,
    chosen,
    fresh_of,
    gain_after_a_day,
    study_subnetworks,
)
from analog_bench.tasks.qa_windows import WindowLimits
from analog_bench.tasks.question_answering import QaProtocol, QuestionAnswering
from analog_bench.zoo.mobilebert_parts import SubNetwork, whole
from analog_bench.zoo.model_builder import observe, runnable_outline
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec
from tests.planning.some_subnetworks import fit_on_two_passages
from tests.tiny_teacher import questions_of, student_of, teacher_of

MADE_WITH = {"weights": "some"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    tokenizer = teacher_of(tmp_path_factory.mktemp("teacher")).tokenizer
    config = student_of(architectures=["MobileBertForQuestionAnswering"], num_hidden_layers=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = MobileBertForQuestionAnswering(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(8)
    spec = ModelSpec("student", "embedded", None, observe(config, "student"))
    (scenario,) = find_scenarios([DEFAULT_SCENARIO])
    return SubNetworkLab(
        LoadedModel(spec, model, tokenizer, "d" * 64),
        runnable_outline(config, "qa"),
        QuestionAnswering("some", questions_of(4), tokenizer, QaProtocol(WindowLimits(40, 10, 10))),
        scenario,
        16,
    )


@pytest.fixture(autouse=True)
def _two_passages(monkeypatch):
    fit_on_two_passages(monkeypatch)


def study(lab, folder, trials=3, tell=lambda *_: None, made_with=MADE_WITH):
    return study_subnetworks(
        lab, folder, made_with, trials=trials, chips=1, fresh_chips=2, seed=5, tell=tell
    )


def without_times(found):
    groups = (found.measured, found.fresh)
    return [[changed(one, seconds=0.0) for one in group] for group in groups]


def test_goes_on_as_if_it_had_not_stopped(lab, tmp_path):
    told = []
    straight = study(lab, tmp_path / "a", tell=lambda doing, done: told.append((doing, len(done))))
    assert [number for doing, number in told if doing == "measuring sub-networks"] == [0, 1, 2]

    def stop(_, done):
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(lab, tmp_path / "b", tell=stop)
    assert len(read_study(tmp_path / "b" / STUDY).measured) == 2
    again = study(lab, tmp_path / "b")
    assert without_times(again) == without_times(straight)
    assert read_study(tmp_path / "b" / STUDY) == again
    # Nothing is left to do.
    assert study(lab, tmp_path / "b") == again
    with pytest.raises(UsageError, match=r"weights was 'some' and is now 'others'.*--out"):
        study(lab, tmp_path / "b", made_with={"weights": "others"})

    everything, *parts = straight.measured
    assert everything.part == whole(lab.supernet.model.config)
    assert all(one.pj < everything.pj and one.parameters < everything.parameters for one in parts)
    fresh = fresh_of(straight, 3, 2)
    assert [one.part for one in fresh] == chosen(straight.measured)
    assert [len(one.chips) for one in fresh] == [2] * len(fresh)
    gain = gain_after_a_day(fresh[1], fresh[0])
    assert gain.centre == pytest.approx(fresh[1].one_day - fresh[0].one_day)


def test_a_part_is_measured_as_a_model_of_its_own(lab):
    part = SubNetwork((1, 0, 2), 1, 10)
    before = {name: t.clone() for name, t in lab.supernet.model.state_dict().items()}
    first, second = (lab.measure(part, range(2), 5) for _ in range(2))
    assert changed(first, seconds=0.0) == changed(second, seconds=0.0)
    assert first.chips[0] != first.chips[1] or first.digital != first.one_day
    for name, tensor in lab.supernet.model.state_dict().items():
        assert torch.equal(before[name], tensor)


def test_broken_outputs_are_told(lab):
    model = lab.supernet.model
    broken = replace(lab, supernet=replace(lab.supernet, model=type(model)(model.config).eval()))
    with torch.no_grad():
        broken.supernet.model.qa_outputs.bias.fill_(float("nan"))
    with pytest.raises(UsageError, match=r"sub-network 222, 2 heads, 20 wide: .*not finite"):
        broken.measure(lab.whole, [0], 5)


def test_the_best_are_the_whole_and_its_best_parts(lab):
    record = lab.measure(SubNetwork((1, 1, 0), 1, 10), [0], 5)

    def one(part, score, pj):
        return changed(record, part=part, pj=pj, chips=((0.0, score, 0.0),))

    everything = one(lab.whole, 50.0, 10.0)
    good, small = SubNetwork((2, 2, 1), 2, 20), SubNetwork((1, 1, 0), 1, 20)
    worse = SubNetwork((0, 1, 1), 1, 20)
    assert chosen([everything]) == [lab.whole]
    assert chosen([everything, one(good, 60.0, 8.0)]) == [lab.whole, good]
    some = [everything, one(worse, 1.0, 3.0), one(good, 60.0, 8.0), one(small, 30.0, 5.0)]
    assert chosen(some) == [lab.whole, good, small]
    assert chosen([everything, one(small, 70.0, 4.0)]) == [lab.whole, small]
