import pytest
from msgspec.structs import replace

from analog_bench.gate.significance import Interval
from analog_bench.noise import parse_noise
from analog_bench.records import Metric
from analog_bench.report import words
from analog_bench.report.estimates import decimals_text, interval_text, loss_text, split_estimate
from analog_bench.report.words import (
    amount,
    correlation_text,
    loss_amount,
    margin_label,
    percent,
    short_layers,
    short_noises,
    time_label,
    visible,
    weights_order,
    with_weights,
)
from tests.report.example_report import example_run


@pytest.mark.parametrize(
    ("value", "spelt"), [(0.614, "+0.61"), (-0.614, "−0.61"), (-0.004, "0.00"), (0.0, "0.00")]
)
def test_correlations_have_their_sign_and_zero_has_none(value, spelt):
    assert correlation_text(value) == spelt


@pytest.mark.parametrize(
    ("share", "spelt"), [(1.0, "100 %"), (0.99963, "99.9 %"), (0.5, "50 %"), (0.0004, "0 %")]
)
def test_a_share_is_never_rounded_up_to_all(share, spelt):
    assert percent(share) == spelt


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("two\nlines", "two\nlines"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("right \u202eto left", r"right \u202eto left"),
        ("a\tb\r\x85\u2028c", r"a\tb\r\x85\u2028c"),
        ("Zürich, 李, �", "Zürich, 李, �"),
    ],
)
def test_what_would_steer_a_terminal_is_spelt(written, shown):
    assert visible(written) == shown


def test_spellings():
    f1, nats = Metric("f1", "points", True, 1.0), Metric("x", "nats", False, 0.02)
    assert [amount(x, f1) for x in (61.25, -0.04, 1e-9)] == ["61.2", "0.0", "0.0"]
    assert (amount(3.14159, nats), amount(3.14159, f1, extra=1)) == ("3.142", "3.14")
    assert amount(1.0, replace(f1, margin=0.0)) == "1.000"
    assert [margin_label(m) for m in (f1, nats)] == ["1 point", "0.02 nats"]
    times = [0, 1, 90, 60, 3600, 86400, 2_592_000, 31_536_000, 315_360_000, 0.5]
    assert [time_label(float(t)) for t in times] == [
        "0 s", "1 s", "90 s", "1 min", "1 h", "1 d", "30 d", "1 y", "10 y", "0.5 s",
    ]  # fmt: skip
    assert short_noises(["ideal", "white_output:std=1"]) == {
        "ideal": "ideal",
        "white_output:std=1": "white_output",
    }
    assert short_noises(["preset:name=One", "pcm:prog=1,read=1"]) == {
        "preset:name=One": "preset:name=One", "pcm:prog=1,read=1": "pcm",
    }  # fmt: skip
    # As it is where nothing is given goes without saying; what makes a noise what it is does not.
    usual, other = str(parse_noise("pcm")), str(parse_noise("pcm:compensate=no"))
    assert [*short_noises([usual, other]).values()] == ["pcm:compensate=no", "pcm"]
    equal = "equal_error:family=pcm:compensate=no,error=0.1"
    assert short_noises([equal]) == {equal: equal}
    assert words.noise_label(equal) == "pcm:compensate=no at 0.1"
    assert words.noise_family(equal) == "pcm:compensate=no"
    assert short_noises(["w:std=1", "w:std=2", "w:std=2"]) == {
        "w:std=1": "w:std=1",
        "w:std=2": "w:std=2",
    }
    assert short_layers(["a.b.0.x", "a.b.10.x.1.y", "head", "8.z"]) == {
        "a.b.0.x": "…0.x",
        "a.b.10.x.1.y": "…10.x.1.y",
        "head": "head",
        "8.z": "8.z",
    }
    assert short_layers(["a.0.x", "b.0.x"]) == {"a.0.x": "a.0.x", "b.0.x": "b.0.x"}


def test_variants_have_an_order_and_a_noun():
    listed = ["a_new_one", "hwa", "calibrated", "direct"]
    assert sorted(listed, key=weights_order) == ["direct", "calibrated", "hwa", "a_new_one"]
    assert [with_weights(variant) for variant in reversed(listed)] == [
        *("direct weights", "calibrated ranges", "HWA weights", "a_new_one weights")
    ]


@pytest.mark.parametrize(
    ("layer", "block"),
    [
        ("encoder.layer.3.attention.self.query", "3"),
        ("h.11.mlp.c_fc", "11"),
        ("encoder.layer.0.ffn.2.output", "0"),
        ("qa_outputs", None),
    ],
)
def test_the_block_of_a_layer(layer, block):
    assert words.block_of(layer) == block


def test_an_embedded_model_is_named_with_what_it_is():
    assert words.model_label("bert") == "bert (MiniLM-L6)"
    assert words.model_label("hub-bert") == "hub-bert"


def test_a_shared_condition_leaves_out_what_varies():
    drift = [r for r in example_run().results if r.study == "drift" and r.model == "bert"]
    assert len({r.drift_s for r in drift}) > 1
    assert words.shared_condition(drift) == words.noise_label(drift[0].noise)
    same = [r for r in drift if r.drift_s == 86_400.0 and r.variant == "hwa"]
    assert words.shared_condition(same).endswith("1 d · HWA weights")


def test_a_loss_is_positive_where_it_is_worse_and_has_a_true_minus_where_it_is_a_gain():
    f1, nats = Metric("f1", "points", True, 1.0), Metric("x", "nats", False, 0.02)
    assert [loss_amount(x, f1) for x in (12.34, -0.44, -0.04, None)] == ["12.3", "−0.4", "0.0", ""]
    assert [loss_amount(x, nats) for x in (1.2041, -0.002)] == ["1.204", "−0.002"]
    assert words.changed_by(12.34, f1) == "loses 12.3 points of F1"
    assert words.changed_by(-0.44, f1) == "gains 0.4 points of F1"
    assert words.changed_by(-0.04, f1) == "loses 0.0 points of F1"
    assert words.changed_by(-0.002, nats) == "saves 0.002 nats of x"
    # Of a loss and of a change of the score alike.
    assert loss_text(Interval(-0.44, 0.2, 0.3), f1) == "−0.4 (±0.3)"
    assert interval_text(Interval(-0.44, 0.2), f1, signed=True) == "−0.4 ±0.2"
    assert split_estimate("−0.4 ±0.2 (±0.3)") == ("−0.4", "0.2", "0.3")
    assert decimals_text(Interval(-0.4444, 0.2), 3) == "−0.444 ±0.200"
    assert words.significant(-0.012345) == "−0.0123"
