"""A study is checked when it is made: no mistake in it measures something else, or nothing."""

import math
from dataclasses import replace

import pytest

from analog_bench.errors import UsageError
from analog_bench.noise import Pcm, SShape, WhiteOutput
from analog_bench.records import Margin
from analog_bench.study import Budget, Study

STUDY = Study(
    name="layer_noise",
    question="which layers does the model depend on most?",
    models=("bert",),
    noises=(WhiteOutput(), Pcm()),
    budgets={"smoke": Budget(chips=3, examples=96)},
)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "the name must be of letters"),
        ("name", "../drift", "the name must be of letters"),
        ("name", 7, "the name must be of letters"),
        ("question", "  ", "question must be a text"),
        ("models", "bert", "models must be a tuple, found 'bert'; write ('bert',)"),
        ("models", (), "models must not be empty"),
        ("models", ("bert", 3), "models must be a text, found 3"),
        ("models", ("bert", "bert"), "models holds 'bert' twice"),
        ("noises", ("pcm",), "noises must hold noises, found 'pcm'; write Pcm(...)"),
        ("noises", (Pcm,), "write Pcm()"),
        ("noises", Pcm(), "noises must be a tuple"),
        ("noises", (), "noises must not be empty"),
        ("noises", (Pcm(), Pcm(1.0)), "twice"),
        ("budgets", {}, "budgets must not be empty; known: full, nightly, smoke"),
        ("budgets", {"smoek": Budget(1, 4)}, "'smoek' is unknown; did you mean 'smoke'?"),
        ("budgets", {"smoke": 3}, "budgets['smoke'] must be Budget(...), found 3"),
        ("budgets", Budget(1, 4), "budgets must be a dictionary"),
        (
            "budgets",
            {"smoke": Budget(1, 4, per_model={"distilgtp2": Budget(1, 4)})},
            "per_model names 'distilgtp2'; did you mean 'distilgpt2'?",
        ),
        ("drift_s", 86_400.0, "drift_s must be a tuple, found 86400.0; write (86400.0,)"),
        ("drift_s", (), "drift_s must not be empty"),
        ("drift_s", (0.0, -1.0), "drift_s must be 0 or a number of seconds from 1e-12 to 1e+12"),
        ("drift_s", (math.nan,), "found nan"),
        ("drift_s", (0, 0.0), "drift_s holds 0.0 twice"),
        ("layers", "block", "layers 'block' is unknown; did you mean 'blocks'?"),
        ("layers", ("all", "eahc"), "layers 'eahc' is unknown; did you mean 'each'?"),
        ("layers", (), "layers must not be empty"),
        ("layers", None, "layers must be a tuple"),
        ("variants", ("hva",), "variants 'hva' is unknown; did you mean 'hwa'?"),
        ("variants", "hwa", "variants must be a tuple"),
        ("variants", (), "variants must not be empty"),
        ("tiles", {SShape(): "cpp"}, "tiles name s_shape:strength=0.5, which is none of its"),
        ("tiles", {"pcm": "cpp"}, "tiles must hold noises, found 'pcm'; write Pcm(...)"),
        ("version", True, "version must be a whole number of at least 1, found True"),
        ("version", 0, "version must be a whole number"),
        ("margins", {"f1": 0.5}, "margins['f1'] must be Margin(...), found 0.5"),
        ("margins", [Margin(0.5, "short answers")], "margins must be a dictionary"),
        ("prompt", "", "prompt must be a text"),
        ("propagation", "yes", "propagation must be bool"),
    ],
)
def test_a_study_that_cannot_be(field, value, said):
    with pytest.raises(UsageError) as caught:
        replace(STUDY, **{field: value})
    assert said in str(caught.value)
    assert str(caught.value).startswith("Study")
    assert "\n" not in str(caught.value)


def test_what_is_written_cannot_be_followed():
    with pytest.raises(UsageError, match="propagation needs a clean model that reads the same"):
        replace(STUDY, prompt="Once", propagation=True)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("chips", 0, "chips must be a whole number from 1 to 1000, found 0"),
        ("chips", True, "chips must be a whole number from 1 to 1000, found True"),
        ("chips", 3.0, "chips must be a whole number"),
        ("chips", 1001, "chips must be a whole number from 1 to 1000, found 1001"),
        ("examples", 3.5, "examples must be a whole number of at least 1, found 3.5"),
        ("examples", False, "examples must be a whole number"),
        ("examples", 0, "examples must be a whole number"),
        ("noises", ("pcm",), "noises must hold noises, found 'pcm'; write Pcm(...)"),
        ("drift_s", (math.inf,), "drift_s must be 0 or a number of seconds"),
        ("layers", "encoder.*", "layers must be a tuple, found 'encoder.*'"),
        ("layers", ("",), "layers must be a text"),
        ("grouping", ("block",), "grouping 'block' is unknown; did you mean 'blocks'?"),
        ("grouping", "blocks", "grouping must be a tuple"),
        ("per_model", {"bert": 3}, "per_model['bert'] must be Budget(...), found 3"),
        (
            "per_model",
            {"bert": Budget(1, 1, per_model={"bert": Budget(1, 1)})},
            "per_model['bert'] has a per_model again",
        ),
    ],
)
def test_a_budget_that_cannot_be(field, value, said):
    with pytest.raises(UsageError) as caught:
        replace(Budget(chips=1, examples=4), **{field: value})
    assert said in str(caught.value)
    assert str(caught.value).startswith("Budget: ")


def test_lists_do_for_tuples():
    study = replace(STUDY, models=["bert"], layers=["all", "blocks"], drift_s=[0, 1])
    assert (study.models, study.layers, study.drift_s) == (("bert",), ("all", "blocks"), (0.0, 1.0))


def test_a_model_that_a_user_may_add_has_a_budget():
    budget = Budget(1, 4, per_model={"distilgpt2": Budget(1, 1), "owner/name": Budget(1, 2)})
    study = replace(STUDY, budgets={"smoke": budget})
    assert study.budgets["smoke"].of("owner/name").examples == 2
