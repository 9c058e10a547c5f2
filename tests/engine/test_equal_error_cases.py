"""Cases at equal error: solved on the run's clean inputs, layer by layer, once."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from analog_bench.analog import severity_solver as severity
from analog_bench.analog.clean_inputs import Pass, observe_inputs
from analog_bench.analog.severity_solver import output_error
from analog_bench.codec import convert, plain
from analog_bench.errors import UsageError
from analog_bench.noise import EqualError, OutNoise
from analog_bench.records import Result
from analog_bench.simulators.registry import find_simulator

DAY = 86_400.0
QUERY = "encoder.layer.0.attention.self.query"
NORM = "encoder.layer.0.attention.output.LayerNorm"
WIDEN = "encoder.layer.1.intermediate.dense"


def solved_by(runner, case) -> dict[str, object]:
    with runner.chip(case, 0) as chip:
        return chip.solved


@pytest.fixture
def cases(case):
    return [
        case(EqualError("white_output"), "embeddings.word_embeddings"),
        case(EqualError("pcm", 0.3), QUERY, drift_s=DAY),
        case(EqualError("out_noise", 0.2), QUERY),
        case(EqualError("pcm", 0.3), WIDEN, drift_s=DAY),
        case(EqualError("pcm", 0.3), WIDEN),
        case(EqualError("pcm", 0.3), QUERY, WIDEN, drift_s=DAY),
    ]


def test_neither_order_nor_replay_nor_company_matters(tiny, runner_of, cases, numbers):
    runner = runner_of(tiny)
    wanted = [numbers(runner.measure(case, range(2))) for case in cases]
    severities = [solved_by(runner, case) for case in cases]
    for result, found in zip(wanted, severities, strict=True):
        assert result.status == "measured"
        assert result.chips[0].scores != result.digital
        assert found
    backwards = runner_of(tiny, replay=False)
    again = [numbers(backwards.measure(case, range(2))) for case in reversed(cases)]
    assert again[::-1] == wanted
    assert solved_by(runner_of(tiny), cases[3]) == severities[3]
    # Each layer is solved for by itself, and each drift time.
    assert severities[5] == severities[1] | severities[3]
    assert severities[3] != severities[4]


def test_a_case_is_its_family_at_the_severity(tiny, runner_of, case):
    runner = runner_of(tiny)
    asked = case(EqualError("out_noise", 0.2), WIDEN)
    noise = solved_by(runner, asked)[WIDEN]
    assert isinstance(noise, OutNoise)
    found, direct = (runner.measure(one, range(3)) for one in (asked, case(noise, WIDEN)))
    for one, other in zip(found.chips, direct.chips, strict=True):
        assert one.scores == other.scores
    assert found.noise == "equal_error:family=out_noise,error=0.2"
    assert convert(plain(found), Result) == found


def test_a_severity_is_solved_for_once(tiny, runner_of, case, numbers, monkeypatch):
    asked = []
    solve = severity.root
    monkeypatch.setattr(severity, "root", lambda *how: asked.append(how[1]) or solve(*how))
    runner = runner_of(tiny)
    one = case(EqualError("white_output", 0.2), NORM)
    first = runner.measure(one, [0])
    (both,) = runner.measure_more({one: first}, [1])
    assert [chip.chip for chip in both.chips] == [0, 1]
    runner.measure(case(EqualError("white_output", 0.4), NORM), [0])
    assert numbers(runner.measure(one, [0])) == numbers(first)
    assert asked == [0.2, 0.4]


def part_of(task, which: slice):
    part = copy(task)
    part.batches = task.batches[which]
    return part


@pytest.mark.parametrize("name", ["pcm", "out_noise", "white_output"])
def test_real_layers_err_as_asked_on_other_questions(embedded, questions, runner_of, case, name):
    layer = "encoder.layer.2.attention.output.dense"
    few, rest = part_of(questions, slice(0, None, 2)), part_of(questions, slice(1, None, 2))
    asked = case(EqualError(name, 0.1), layer, drift_s=DAY if name == "pcm" else 0.0)
    noise = solved_by(runner_of(embedded.model, few), asked)[layer]
    passes = [
        Pass(batch.attention_mask, partial(rest.run, embedded.model, index))
        for index, batch in enumerate(rest.batches)
    ]
    with torch.inference_mode():
        other = observe_inputs(embedded.model, [layer], passes)[layer]
    options = {
        "chip": 0,
        "seed": 1,
        "drift_s": asked.drift_s,
        "simulator": find_simulator(asked.tile),
    }
    error = output_error(embedded.model, layer, noise, other, **options)
    assert error == pytest.approx(0.1, rel=0.06)


def test_what_is_out_of_reach_is_one_line_and_leaves_the_model_whole(
    tiny, runner_of, case, numbers
):
    runner = runner_of(tiny)
    good = case(EqualError("out_noise", 0.2), QUERY)
    before = numbers(runner.measure(good, [0]))
    bad = case(EqualError("reram_cmo", 2.0), WIDEN, drift_s=DAY)
    with pytest.raises(UsageError, match=f"out of reach for {WIDEN}: the largest error"):
        runner.measure(bad, [0])
    assert numbers(runner.measure(good, [0])) == before
    assert numbers(runner.measure(replace(good, study="other"), [0])).chips == before.chips
