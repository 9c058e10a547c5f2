"""Which cases `-k`, `--model` and `--layer` select; collecting any number loads no torch."""

import pytest

THREE = ("--model", "bert", "--model", "mobilebert", "--model", "distilgpt2")
SPY = """
import sys

def pytest_sessionfinish():
    print("\\nheavy:", sorted({"torch", "aihwkit", "transformers", "datasets"} & set(sys.modules)))
"""
OWN = """
import pytest
from analog_bench.noise import WhiteOutput
from analog_bench.study import Budget, Study

STUDY = Study(
    name="layer_noise",
    question="which layers does the model depend on most?",
    models=("bert", "mobilebert", "distilgpt2"),
    noises=(WhiteOutput(),),
    budgets={"smoke": Budget(chips=1, examples=4)},
)

@pytest.mark.study(STUDY)
def bench_mine(case, measure, baseline):
    baseline.check(measure(case))

def bench_without_cases():
    pass
"""

# A study of another model's, at another budget, of a noise with drift times of its own.
OTHER = """
import pytest
from analog_bench.noise import ReramWan2022
from analog_bench.study import Budget, Study

STUDY = Study(
    name="other",
    question="what else?",
    models=("distilgpt2",),
    noises=(ReramWan2022(),),
    budgets={BUDGETS},
)

@pytest.mark.study(STUDY)
def bench_other(case, measure, baseline):
    baseline.check(measure(case))
"""

# Values with the letters of studies, families, variants and other values in them.
VALUES = """
import pytest
from analog_bench.noise import EqualError, Pcm, Preset, WhiteOutput
from analog_bench.study import Budget, Study

def study(name, *noises, **more):
    return Study(name, "what?", ("mobilebert",), noises, {"smoke": Budget(1, 4)}, **more)

DRIFT = study(
    "drift", Pcm(), Preset("StandardHWATrainingTorch"), drift_s=(0.0, 3600.0), layers="all",
    variants=("direct", "hwa"),
)
MIXED = study("mixed", WhiteOutput(), Pcm(), EqualError("pcm"), layers="all", drift_s=(3600.0,))

@pytest.mark.study(DRIFT)
def bench_drift(case, measure, baseline):
    baseline.check(measure(case))

@pytest.mark.study(MIXED)
def bench_mixed(case, measure, baseline):
    baseline.check(measure(case))
"""
PRESET = "preset:name=StandardHWATrainingTorch"


def models(done):
    """Return the models of the collected cases, in their order."""
    return list(dict.fromkeys(case.split("/", 1)[0] for case in done.cases))


@pytest.fixture
def collected(warm, lock, tmp_path):
    def run(*args, **more):
        hub = ("--zoo", "hub", "--lock", lock)
        return warm("--collect-only", "-q", *hub, *args, folder=tmp_path, **more)

    return run


def test_bert_is_berts_alone(collected):
    done = collected(*THREE, "-k", "bert_layer_noise")
    assert done.code == 0, done.out
    assert models(done) == ["hub-bert"]
    assert len(done.cases) == 4 + 12 * 8 + 1


@pytest.mark.parametrize(
    "args",
    [
        (*THREE, "-k", "mobilebert and layer_noise"),
        (*THREE, "-k", "mobilebert_layer_noise"),
        ("--model", "mobilebert"),
    ],
)
def test_mobilebert_is_its_own(collected, args):
    done = collected(*args)
    assert done.code == 0, done.out
    assert models(done) == ["hub-mobilebert"]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("bert_layer_noise or mobilebert_drift", ["hub-bert"]),
        ("bert_layer_noise or mobilebert_layer_noise", ["hub-bert", "hub-mobilebert"]),
        ("mobilebert_layer_noise and not bert_drift", ["hub-mobilebert"]),
        ("layer_noise and not mobilebert_layer_noise", ["hub-bert", "hub-distilgpt2"]),
    ],
)
def test_words_that_hold_each_other(collected, expression, found):
    assert models(collected(*THREE, "-k", expression)) == found


def drift_cases(noises=("pcm:prog=1,read=1,drift=1,compensate=yes", PRESET), times=("0s", "3600s")):
    return [
        f"mobilebert/all/{noise}/{time}/torch{variant}"
        for variant in ("", "/hwa")
        for noise in noises
        for time in times
    ]


MIXED_CASES = [
    "mobilebert/all/white_output:std=1",
    "mobilebert/all/pcm:prog=1,read=1,drift=1,compensate=yes/3600s/torch",
    "mobilebert/all/equal_error:family=pcm,error=0.1/3600s/torch",
]
WITH_HWA = [case for case in drift_cases() if case.endswith("hwa")]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("drift", drift_cases()),
        ("mobilebert and drift", drift_cases()),
        ("mobilebert_drift", drift_cases()),
        ("not drift", MIXED_CASES),
        ("read or std or name or compensate", []),
        ("hwa", WITH_HWA),
        ("mixed and equal_error", MIXED_CASES[2:]),
        # Named values, by their whole names.
        ("standardhwatrainingtorch", drift_cases(noises=[PRESET])),
        ("StandardHWA or Training or ideal", []),
        ("hwa and StandardHWATrainingTorch", []),
        ("drift and 0s", drift_cases(times=["0s"])),
        ("mixed and pcm", MIXED_CASES[1:]),
    ],
)
def test_values_are_not_matched_by_accident(collected, own_values, expression, found):
    assert collected("--zoo", "embedded", "-k", expression, cwd=own_values).cases == found


@pytest.fixture
def own_values(project):
    (project / "bench_mine.py").write_text(VALUES)
    return project


def test_gpt2_goes_by_its_name(collected):
    assert models(collected(*THREE, "-k", "distilgpt2_layer_noise")) == ["hub-distilgpt2"]


def test_a_study_of_ones_own_is_found_by_its_name(collected, project):
    (project / "bench_mine.py").write_text(OWN)
    everything = collected(cwd=project)
    assert models(everything) == ["hub-bert", "hub-mobilebert", "hub-distilgpt2"]
    assert "bench_mine.py::bench_without_cases" in everything.out
    assert models(collected("-k", "bert_layer_noise", cwd=project)) == ["hub-bert"]


@pytest.mark.parametrize(
    ("budgets", "args", "said"),
    [
        ('{"nightly": Budget(1, 4)}', (), "other: nothing to measure at budget smoke"),
        ('{"smoke": Budget(1, 4)}', ("--layer", "*.0.output.dense"), "fits no layer of distilgpt2"),
    ],
)
def test_a_study_that_has_nothing_here_is_left_out_and_named(
    warm, lock, project, tmp_path, budgets, args, said
):
    (project / "bench_mine.py").write_text(OWN.replace('"mobilebert", "distilgpt2"', ""))
    (project / "bench_other.py").write_text(OTHER.replace("{BUDGETS}", budgets))
    hub = ("--collect-only", "--zoo", "hub", f"--lock={lock}")
    done = warm(*hub, *args, folder=tmp_path, cwd=project)
    assert done.code == 0, done.out
    assert "1 deselected" in done.out
    assert said in done.out
    assert "bench_other.py" not in done.out


def test_a_mistake_counts_only_in_a_study_that_is_asked_for(collected, project):
    (project / "bench_mine.py").write_text(OWN)
    (project / "bench_other.py").write_text(OTHER.replace("{BUDGETS}", '{"smoke": Budget(1, 4)}'))
    both = collected("--drift", "5", cwd=project)
    assert both.code == 4, both.out
    assert "was fitted at" in both.errors[0]
    mine = collected("--drift", "5", "-k", "bert_layer_noise", cwd=project)
    assert (mine.code, models(mine)) == (0, ["hub-bert"])
    other = collected("--drift", "5", "-k", "distilgpt2_other", cwd=project)
    assert other.code == 4, other.out


def test_the_embedded_bert_is_collected_layer_by_layer(bench, tmp_path):
    args = ("--collect-only", "-q", "-k", "bert_layer_noise", "--layer", "*.3.output.*")
    done = bench(*args, "--noise", "pcm", "--noise", "white_output:2", folder=tmp_path)
    assert done.cases == [
        "bert/encoder.layer.3.output.dense/pcm:prog=1,read=1,drift=1,compensate=yes/0s/torch",
        "bert/encoder.layer.3.output.dense/white_output:std=2",
        "bert/encoder.layer.3.output.LayerNorm/white_output:std=2",
    ]
    assert not (tmp_path / "results.json").exists()


def test_thousands_of_cases_are_collected_without_torch(bench, lock, tmp_path, capsys):
    (tmp_path / "spy.py").write_text(SPY)
    noises = ("white_output", "white_weight", "pcm", "hermes", "reram_cmo", "preset", "pcm:prog=2")
    seconds = ("0", "1", "60", "3600", "86400", "2592000", "31536000")
    args = [word for noise in noises for word in ("--noise", noise)]
    args += [word for drift in seconds for word in ("--drift", drift)]
    hub = ("--collect-only", "-q", "--zoo", "hub", "--lock", lock)
    done = bench(*hub, *THREE, *args, "-p", "spy", folder=tmp_path, first_on_path=[tmp_path])
    assert done.code == 0, done.out[-2000:]
    assert len(done.cases) > 5000
    assert len(set(done.cases)) == len(done.cases)
    assert "heavy: []" in done.out
    with capsys.disabled():
        print(f" [{len(done.cases)} cases collected in {done.seconds:.1f} s] ", end="")


def test_a_model_that_the_run_has_not_is_named(collected):
    done = collected("-k", "my_model_layer_noise")
    assert done.cases == []
    hint = "-k my_model_layer_noise: no case is of a model my_model; did you mean --model"
    assert f"{hint} PATH/my_model?" in done.out
    assert (
        "no case is of a model brt; did you mean 'bert'?"
        in collected(*THREE, "-k", "brt_layer_noise").out
    )
    assert "did you mean --model bert?" in collected(*THREE[2:], "-k", "bert_layer_noise").out
    assert "did you mean" not in collected(*THREE, "-k", "not_there").out


@pytest.mark.parametrize("model", [(), ("--model", "bert")])
def test_a_word_that_is_nearly_a_model_and_a_study_is_mended(collected, model):
    said = "-k bert_layernoise selects nothing; did you mean 'bert_layer_noise'?"
    assert said in collected(*model, "-k", "bert_layernoise").out
    assert "did you mean" not in collected(*model, "-k", "layer_noise and not_there").out
