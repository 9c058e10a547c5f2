"""Input ranges of the variant `calibrated`: of every layer, once for each kind of converters."""

from collections import Counter

from analog_bench.analog.layer_manifest import manifest
from analog_bench.noise import EqualError, Preset, Quantise
from analog_bench.session.calibrated_ranges import fitted_ranges
from analog_bench.tasks.calibration_data import CalibrationInputs

PRESET = "StandardHWATrainingTorch"
WIDEN = "encoder.layer.1.intermediate.dense"
OUT = "encoder.layer.1.output.dense"


def fitted(tiny, tokens, method="fit"):
    return fitted_ranges(tiny, CalibrationInputs(tuple(tokens.batches), "here"), method)


def test_every_layer_that_can_be_on_tiles_has_a_range(tiny, tokens, case):
    found = fitted(tiny, tokens)(case(Preset(), WIDEN))
    assert list(found) == [layer.name for layer in manifest(tiny) if layer.kind == "matmul"]
    assert all(len(ranges) == 1 and ranges[0] > 0 for ranges in found.values())


def test_they_are_fitted_once_for_each_kind_of_converters(tiny, tokens, case):
    calls = Counter()
    handle = tiny.register_forward_pre_hook(lambda *_: calls.update(["model"]))
    ranges = fitted(tiny, tokens)
    try:
        first = ranges(case(Preset(), WIDEN))
        once = calls["model"]
        assert ranges(case(Preset(), OUT, drift_s=60.0)) is first
        assert calls["model"] == once >= len(tokens.batches)
        coarse = ranges(case(Quantise(dac_bits=3, adc_bits=4), WIDEN, hardware=PRESET))
        # Coarse converters are worth some clipping.
        assert all(coarse[name][0] <= first[name][0] for name in first)
        assert coarse != first
        assert calls["model"] == 2 * once
    finally:
        handle.remove()


def test_at_equal_error_they_are_those_of_the_family_at_its_start(tiny, tokens, case):
    ranges = fitted(tiny, tokens)
    equal = case(EqualError("pcm", 0.3), WIDEN, hardware=PRESET)
    assert ranges(equal) == ranges(case(Preset(), WIDEN))


def test_of_single_terms_they_are_those_of_the_whole_preset(tiny, tokens, case):
    ranges = fitted(tiny, tokens)
    alone = case(Preset(terms="input_range"), WIDEN)
    assert ranges(alone) is ranges(case(Preset(), WIDEN))


def test_a_runner_measures_with_them(tiny, tokens, runner_of, case, numbers):
    one = case(Preset(), WIDEN, OUT)
    scores = {
        method: numbers(
            runner_of(tiny, input_ranges=fitted(tiny, tokens, method)).measure(one, [0])
        ).chips
        for method in ("sigma", "max", "fit")
    }
    assert len({chips[0].scores["mean"] for chips in scores.values()}) == 3
    # The model was itself again before the chip was programmed, and is so afterwards.
    assert {chips[0].fingerprint for chips in scores.values()} == {scores["fit"][0].fingerprint}
