"""What changed from one release to the next, and where first."""

import json
from dataclasses import replace

import pytest
from msgspec import structs
from surveys import FIGURES, PRESET, check, run, survey, with_noise

from analog_bench.releases.comparison import Measured, compare_releases
from analog_bench.report.as_json import releases_plain
from analog_bench.report.as_markdown import markdown
from analog_bench.report.as_terminal import printed
from analog_bench.report.release_tables import releases_table
from analog_bench.simulators.physics.survey_record import Fact, apart, differ


def compared(before, after, **runs):
    """Return the step between two releases."""
    measured = [
        Measured(name, name, survey=found, run=runs.get(name))
        for name, found in (("old", before), ("new", after))
    ]
    (step,) = compare_releases(measured).steps
    return step


def layer(step, name):
    return next(found for found in step.layers if found.name == name)


def drawn(releases, encoding="utf-8", **how):
    return printed(releases_table(releases, **how), 150, encoding=encoding)


def test_nothing_changed():
    step = compared(survey(), survey(), old=run(), new=run())
    assert (step.first, step.fails, step.abilities) == (None, False, ())
    assert [found.changes for found in step.layers] == [(), (), ()]
    assert [found.compared for found in step.layers] == [10, 12, 4]
    assert layer(step, "metrics").notes == (
        "4 of 4 cases are compared chip by chip, on the same chips",
    )


def test_more_programming_noise_is_seen_exactly_and_named_by_physics():
    step = compared(survey(), with_noise(1.1), old=run(), new=run(fingerprint=(1.1, 2.0)))
    assert (step.first, step.fails) == ("exact", True)
    (exact,) = layer(step, "exact").changes
    assert str(exact) == (
        "pcm (torch tile and C++ tile): fingerprints of chips programmed with one seed differ "
        "by up to 0.99 %"
    )
    (physics,) = layer(step, "physics").changes
    assert str(physics) == (
        "pcm programming noise (torch tile and C++ tile): 110 % of its closed form, was 100 % "
        "(g = 0.3, g = 0.9)"
    )
    assert layer(step, "metrics").notes[0].startswith("0 of 4 cases are compared chip by chip")


def test_physics_is_first_where_random_numbers_differ():
    other = with_noise(1.1)
    facts = tuple(
        replace(f, figures=tuple(2 * x for x in f.figures)) if f.kind == "random numbers" else f
        for f in other.facts
    )
    step = compared(survey(), replace(other, facts=facts))
    assert step.first == "physics"
    assert layer(step, "exact").changes == ()
    assert "torch draws other random numbers" in layer(step, "exact").notes[0]
    # Without a fault it is no change at all.
    assert not compared(survey(), survey(facts=facts)).fails


def test_metrics_alone():
    step = compared(survey(), survey(), old=run(), new=run(drop=5.0))
    assert (step.first, step.fails) == ("metrics", True)
    assert {str(c).split(": ")[1] for c in layer(step, "metrics").changes} == {"regressed"}
    better = compared(survey(), survey(), old=run(drop=5.0), new=run())
    assert (better.first, better.fails) == ("metrics", False)


def test_a_digital_score_is_of_the_exact_layer():
    step = compared(survey(), survey(), old=run(), new=run(digital=78.0))
    assert step.first == "exact"
    (change,) = layer(step, "exact").changes
    assert str(change).startswith("digital bert: f1 was 79, is 78")
    assert not compared(survey(), survey(), old=run(), new=run(digital=79.01)).fails


def test_a_preset_is_compared_term_by_term():
    other = {**PRESET, "forward.out_noise": "0.06", "forward.new_term": "1"}
    step = compared(survey(), survey(presets={"StandardHWATrainingPreset": other}))
    (change,) = layer(step, "exact").changes
    assert str(change) == "preset StandardHWATrainingPreset: forward.out_noise 0.04 -> 0.06"
    (ability,) = step.abilities
    assert (ability.what, ability.lost) == (
        "terms of preset StandardHWATrainingPreset: forward.new_term",
        False,
    )


def test_wrong_in_both_is_a_note_and_mended_is_a_change():
    assert not compared(with_noise(1.1), with_noise(1.1)).fails
    (note,) = layer(compared(with_noise(1.1), with_noise(1.1)), "physics").notes
    assert note == (
        "pcm programming noise is off in both releases by the same: 110 % of its closed form"
    )
    mended = layer(compared(with_noise(1.1), survey()), "physics")
    assert "follows its closed form now (100 %), was 110 %" in str(mended.changes[0])
    moved = layer(compared(with_noise(1.1), with_noise(1.2)), "physics")
    assert "120 % of its closed form, was 110 %" in str(moved.changes[0])


def test_a_small_change_is_spelt_with_the_digits_that_it_needs():
    exact = replace(check("quantise", "step"), tolerance=2e-4)
    off = replace(exact, measured=2.001)
    found = layer(compared(survey(checks=(exact,)), survey(checks=(off,))), "physics")
    assert "100.05 % of its closed form, was 100.00 %" in str(found.changes[0])


def test_one_condition_of_many_is_said_to_be_one():
    sound = survey()
    first = replace(sound.checks[0], measured=2.5)
    found = layer(compared(sound, survey(checks=(first, *sound.checks[1:]))), "physics")
    assert "(g = 0.3; 1 of 4 conditions)" in str(found.changes[0])


def test_what_is_lost_fails_and_what_is_won_does_not():
    without = survey(
        tiles={"torch": "", "cpp": "weights must be a CPU tensor"},
        checks=tuple(c for c in survey().checks if c.tile == "torch"),
        facts=tuple(f for f in survey().facts if f.tile != "cpp"),
        noise_models=("PCMLikeNoiseModel",),
    )
    step = compared(survey(), without)
    assert [(a.what, a.lost, a.reason) for a in step.abilities] == [
        ("C++ tile", True, "weights must be a CPU tensor"),
        ("noise model HermesNoiseModel", True, ""),
    ]
    assert (step.first, step.fails) == (None, True)
    assert not compared(without, survey()).fails


def test_a_quantity_that_cannot_be_measured_any_more_is_lost():
    broken = replace(check("pcm", "read noise"), measured=None, reason="TypeError: no argument q")
    kept = tuple(c for c in survey().checks if c.subject != "pcm read noise" or c.tile == "cpp")
    step = compared(survey(), survey(checks=(*kept, broken)))
    assert [(a.what, a.lost, a.reason) for a in step.abilities] == [
        ("pcm read noise (torch tile)", True, "TypeError: no argument q")
    ]


def test_cases_that_only_one_release_measured():
    skipped = structs.replace(run().results[0], status="skipped", reason="no C++ tile", chips=())
    now = run(results=(skipped, *run().results[1:3]))
    step = compared(survey(), survey(), old=run(), new=now)
    assert {(a.what, a.reason) for a in step.lost} == {
        ("case bert/layer.0/pcm/0s/torch", "no C++ tile"),
        ("case bert/layer.3/pcm/0s/torch", "it has no such case"),
    }
    assert step.fails


def test_a_release_without_an_environment_is_a_row_and_no_pass():
    found = compare_releases(
        [
            Measured("a", "a", survey=survey()),
            Measured("b", "b", problem="no Python 3.10 was found"),
            Measured("c", "c", survey=survey()),
        ]
    )
    assert [(step.old, step.new) for step in found.steps] == [("a", "c")]
    assert not found.steps[0].fails
    assert found.fails
    assert "b could not be compared: no Python 3.10 was found" in drawn(found)
    assert "b could not be compared" in markdown(releases_table(found))


def test_a_preset_that_cannot_be_made_any_more_is_lost_for_a_reason():
    broken = survey(
        presets={},
        reasons={"preset StandardHWATrainingPreset": "TypeError: w", "noise models of x": "Error"},
    )
    assert [(a.what, a.lost, a.reason) for a in compared(survey(), broken).abilities] == [
        ("preset StandardHWATrainingPreset", True, "TypeError: w"),
        ("noise models of x", True, "Error"),
    ]
    assert compared(broken, broken).abilities == ()


def test_facts_are_compared_in_units_of_their_tensor():
    fact = Fact("digital", "torch", "none", (1e-9, 0.5, 0.6, 0.0, 7e-3, 7e-3, 1e-3, 0.0))
    # A mean of almost nothing may change by its whole size: the tensor's numbers are about 0.5.
    near = replace(fact, figures=(-1e-7, *fact.figures[1:]))
    assert not differ(fact, near)
    assert apart(fact, near) == pytest.approx(1.01e-7 / 0.6)
    assert differ(fact, replace(fact, figures=(1e-9, 0.5001, *fact.figures[2:])))
    # The second tensor has numbers of its own.
    assert differ(fact, replace(fact, figures=(*fact.figures[:4], 7e-3, 7.001e-3, 1e-3, 0.0)))
    assert apart(fact, replace(fact, figures=FIGURES)) == float("inf")


def test_tables_in_every_form():
    turns = [{"product": 0.01}] * 15
    found = compare_releases(
        [
            Measured("old", "1.1.0", {"torch": "2.11.0"}, survey=survey(), run=run(), turns=turns),
            Measured(
                "<b>|new",
                "1.2.0",
                {"torch": "2.15.0"},
                survey=with_noise(1.1),
                run=run(drop=5.0),
                turns=[{"product": 0.02}] * 15,
            ),
        ]
    )
    text = drawn(found)
    assert "old -> <b>|new: changed (exact, physics, metrics): pcm programming noise" in text
    assert "2.00 (2.00 to 2.00)" in text
    assert "torch 2.11.0 -> 2.15.0" in text
    assert "4 cases: 4 regressed" in text
    assert drawn(found, encoding="ascii").isascii()
    document = markdown(releases_table(found, cases=False))
    assert "<b>" not in document
    rows = [line for line in document.splitlines() if line.startswith("| physics |")]
    assert len(rows) == 1
    plain = json.loads(json.dumps(releases_plain(found), allow_nan=False))
    assert (plain["fails"], plain["steps"][0]["first"]) == (True, "exact")
    assert plain["steps"][0]["timings"]["work"][0]["verdict"] == "slower"
    assert plain["steps"][0]["cases"]["counts"] == {"regressed": 4}
    assert {c["passes"] for c in plain["releases"][1]["survey"]["checks"]} == {True, False}
