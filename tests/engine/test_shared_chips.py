"""A chip is programmed once, drifts through its cases' times, and gives each its own numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aihwkit.nn.modules.base import AnalogLayerBase

from analog_bench.noise import EqualError, Hermes, Pcm, Preset, ReramCmo, ReramWan2022, WhiteOutput
from analog_bench.session.case_measurement import share_chips

DAY = 86_400.0
QUERY = "encoder.layer.0.attention.self.query"
WIDEN = "encoder.layer.1.intermediate.dense"
TIMES = (1.0, 30 * DAY, DAY)
NOISES = {
    "pcm": (Pcm(), TIMES),
    "hermes": (Hermes(), TIMES),
    "wan": (ReramWan2022(), tuple(reversed(ReramWan2022.TIMES))),
    "cmo": (ReramCmo(), TIMES),
    "preset": (Preset("StandardHWATrainingTorch"), TIMES),
}


@pytest.fixture
def programmed(monkeypatch):
    """Count the layers that are programmed."""
    calls = []
    real = AnalogLayerBase.program_analog_weights

    def counted(layer, *args, **options):
        if layer.in_features == 24:  # and not the small layer that finds out whether tiles work
            calls.append(layer)
        return real(layer, *args, **options)

    monkeypatch.setattr(AnalogLayerBase, "program_analog_weights", counted)
    return calls


@pytest.mark.parametrize("name", NOISES)
def test_times_of_one_chip_have_the_numbers_they_have_alone(
    tiny, runner_of, case, numbers, programmed, name
):
    noise, times = NOISES[name]
    cases = [case(noise, QUERY, WIDEN, drift_s=time) for time in times]
    alone = [numbers(runner_of(tiny, per_example=True).measure(c, range(2))) for c in cases]
    assert len(programmed) == 2 * 2 * len(times)
    programmed.clear()
    runner = runner_of(tiny, per_example=True)
    together = [numbers(result) for result in runner.measure_together(cases, range(2))]
    assert together == alone
    assert len(programmed) == 2 * 2
    assert len({str(result.chips[0].scores) for result in together}) == len(times)
    assert len({result.chips[0].fingerprint for result in together}) == 1
    more = runner.measure_more(dict(zip(cases, together, strict=True)), [5])
    assert [[chip.chip for chip in result.chips] for result in more] == [[0, 1, 5]] * len(times)
    assert len(programmed) == 3 * 2


def test_the_cpp_tile_is_programmed_once_too(tiny, runner_of, case, programmed):
    cases = [replace(case(Pcm(), WIDEN, drift_s=time), tile="cpp") for time in TIMES]
    results = runner_of(tiny).measure_together(cases, range(2))
    assert [result.status for result in results] == ["measured"] * 3
    assert len(programmed) == 2


def test_a_time_that_breaks_leaves_the_others(tiny, runner_of, case, numbers, monkeypatch):
    cases = [case(Pcm(), WIDEN, drift_s=time) for time in TIMES]
    runner = runner_of(tiny)
    wanted = [numbers(result) for result in runner.measure_together(cases, range(2))]
    mean = runner.task.mean
    calls = []

    def sick(per_example):
        calls.append(mean(per_example))
        # The first chip at the second time, in ascending order.
        return {"mean": float("inf")} if len(calls) == 2 else calls[-1]

    monkeypatch.setattr(runner.task, "mean", sick)
    young, old, middle = (numbers(result) for result in runner.measure_together(cases, range(2)))
    assert (young, old) == (wanted[0], wanted[1])
    assert (middle.status, middle.reason) == ("broken", "chip 0 scored inf for mean")
    assert len(calls) == 5


def test_which_cases_share_their_chips(case):
    young, old = (case(Pcm(), WIDEN, drift_s=time) for time in (1.0, DAY))
    assert share_chips(young, old)
    assert not share_chips(young, case(Pcm(), QUERY, drift_s=DAY))
    assert not share_chips(young, case(Pcm(prog=2), WIDEN, drift_s=DAY))
    assert not share_chips(young, replace(old, variant="hwa"))
    assert not share_chips(young, replace(old, hardware="StandardHWATrainingTorch"))
    equal, white = EqualError("pcm", 0.1), WhiteOutput()
    for noise in (equal, white):
        assert not share_chips(case(noise, WIDEN), case(noise, WIDEN, drift_s=DAY))
