"""What a run is expected to take, in words."""

import pytest

from analog_bench.engine.pace import Pace
from analog_bench.noise import EqualError, WhiteOutput
from analog_bench.session.cases import cases_of
from analog_bench.session.forecast import Forecast, approximate
from analog_bench.session.model_cache import ModelCache
from analog_bench.study import Budget, PrecisionTarget, Study
from tests.session.test_case_measurement import SETTINGS


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.3, "10 s"),
        (14.0, "10 s"),
        (44.0, "40 s"),
        (94.0, "90 s"),
        (95.0, "2 min"),
        (740.0, "12 min"),
        (5600.0, "93 min"),
        (5800.0, "1.6 h"),
        (13_000.0, "3.6 h"),
        (400_000.0, "111 h"),
    ],
)
def test_a_guess_has_few_digits(seconds, said):
    assert approximate(seconds) == said


LAYERS = ("embeddings.word_embeddings", "qa_outputs")


def study(name, noise, **budget):
    return Study(
        name=name,
        question="how long?",
        models=("bert",),
        noises=(noise,),
        budgets={"smoke": Budget(20, 4, layers=LAYERS, **budget)},
    )


@pytest.fixture(scope="module")
def forecast_of():
    """Return a function that forecasts studies at a pace of a token a second, and no scoring."""
    models = ModelCache(SETTINGS, workers=1)

    def forecast(*studies):
        of = Forecast(models)
        for one in studies:
            runner = models.runner(one, "bert")
            begins = dict.fromkeys(dict(runner.model.named_modules()), 0.0)
            of._paces["bert", None] = Pace(1.0, 0.0, begins)
            of.add(one, cases_of(one, SETTINGS))
        return of

    return forecast


def test_chips_are_those_that_the_baseline_needed(forecast_of):
    """The layer noise of the shipped baselines: one layer destroyed, one hardly touched."""
    asked = {"precision": PrecisionTarget(1, of_loss=0.5)}
    fixed, known = (forecast_of(study("layer_noise", WhiteOutput(1.0), **b)) for b in ({}, asked))
    unknown = forecast_of(study("unheard_of", WhiteOutput(1.0), **asked))
    a_chip = fixed.seconds() / 40  # two layers, twenty chips each
    assert known.seconds() / a_chip == pytest.approx(5 + 20)
    assert unknown.seconds() == fixed.seconds()
    assert ", at most" in str(known)
    assert ", at most" not in str(fixed)
    # Cases without a baseline are taken to need what the others do.
    both = forecast_of(
        study("layer_noise", WhiteOutput(1.0), **asked),
        study("unheard_of", WhiteOutput(1.0), **asked),
    )
    assert both.seconds() == pytest.approx(2 * known.seconds())


def test_each_study_is_told_where_there_are_several(forecast_of):
    one, other = (study(name, WhiteOutput(1.0)) for name in ("layer_noise", "unheard_of"))
    assert len(str(forecast_of(one)).splitlines()) == 1
    lines = str(forecast_of(one, other)).splitlines()
    assert [line.split()[0] for line in lines] == ["expected:", "layer_noise", "unheard_of"]


def test_solving_for_an_error_takes_time_once_a_layer(forecast_of):
    plain = forecast_of(study("plain", WhiteOutput(1.0)))
    solved = forecast_of(study("solved", EqualError("white_output", 0.1)))
    assert solved.seconds() > plain.seconds()
