"""The table of a survey."""

from dataclasses import replace

from analog_bench.report.as_terminal import printed
from analog_bench.report.physics_table import physics_table
from analog_bench.simulators.physics.survey_record import Check, Survey

GOOD = Check("pcm", "read noise", "g = 0.3", "torch", "µS", 2.004, 2.0, 0.02, "Q √ln t (a source)")
OFF = replace(GOOD, where="g = 0.9", measured=2.2)
MISSING = replace(
    GOOD, family="hermes", where="", tile="cpp", measured=None, expected=0.0, tolerance=0.0,
    reason="TypeError: no σ",
)  # fmt: skip


def drawn(*checks, encoding="utf-8", **how):
    survey = Survey(
        {"aihwkit": "1.2.0", "torch": "2.15.0", "python": "3.12.1"},
        {"torch": "", "cpp": "weights must be a CPU tensor"},
        (),
        checks,
        reasons={"preset Broken": "ValueError: w"},
    )
    return printed(physics_table(survey, **how), 100, encoding=encoding)


def lines(text, *beginnings):
    return [" ".join(line.split()) for line in text.splitlines() if line.startswith(beginnings)]


def conditions(text):
    return lines(text, "g = ")


def test_a_row_a_quantity_and_the_failing_conditions_below():
    text = drawn(GOOD, OFF, MISSING)
    assert text.startswith("aihwkit 1.2.0, torch 2.15.0, Python 3.12.1\n")
    assert lines(text, "pcm read noise ", "hermes read noise ") == [
        "pcm read noise torch 2 1.002 to 1.100 10.00 deviates",
        "hermes read noise C++ 1 not measured",
    ]
    assert "pcm read noise, torch tile: Q √ln t (a source)" in text
    assert conditions(text) == ["g = 0.9 2.2 2 0.02 10.00 deviates"]
    assert "not measured: TypeError: no σ" in text
    assert "C++ tile: weights must be a CPU tensor" in text
    assert "preset Broken: ValueError: w" in text
    assert "3 conditions, 2 off." in text


def test_a_sound_survey_is_short_unless_all_is_asked_for():
    assert conditions(drawn(GOOD)) == []
    assert "1 condition, none off." in drawn(GOOD)
    assert conditions(drawn(GOOD, everything=True)) == ["g = 0.3 2.004 2 0.02 0.20 agrees"]


def test_a_terminal_without_greek():
    text = drawn(OFF, MISSING, encoding="ascii")
    assert text.isascii()
    assert "Q sqrtln t" in text
    assert "formula, uS" in text
