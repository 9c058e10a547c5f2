"""`analog-bench hwa search`: on a real model through the command line, its table, its errors."""

import json
import math
import random
import re
import sys

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from analog_bench.cli import main
from analog_bench.errors import StoreError
from analog_bench.hwa.hyperparameters import HwaRecipe
from analog_bench.hwa.search import SearchResult
from analog_bench.hwa.search_conclusion import CONCLUSION, Conclusion, conclude
from analog_bench.hwa.search_storage import STORAGE, STUDY
from analog_bench.records import Metric
from analog_bench.report.as_terminal import printed
from analog_bench.report.search_table import search_table
from tests.hub_stand_in import HubStandIn, tiny_bert
from tests.squad_articles import write_articles

CLIENT = "import sys; from analog_bench.cli import main; sys.exit(main(sys.argv[1:]))"
F1 = Metric("f1", "points", True, 1.0)
SPACE = {
    "batch": optuna.distributions.IntDistribution(2, 32),
    "learning_rate": optuna.distributions.FloatDistribution(1e-5, 1e-2),
}
NATS = Metric("cross_entropy", "nats", False, 0.02)


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Write twelve articles of eight words, each word asked for, in SQuAD form."""
    rng = random.Random(3)
    words = ["".join(rng.choices("abcdefgh", k=3)) for _ in range(40)]
    texts = [rng.sample(words, 8) for _ in range(12)]
    articles = {
        f"article {n}": [(" ".join(text), [(f"{word}?", word) for word in text])]
        for n, text in enumerate(texts)
    }
    return write_articles(tmp_path_factory.mktemp("data") / "words.json", articles)


@pytest.fixture(scope="module")
def cached(forked_client, tmp_path_factory):
    """Lock a model of a few kilobytes, as a user would; return the lock file and the cache."""
    folder = tmp_path_factory.mktemp("hub")
    lock = folder / "lock.json"
    with HubStandIn() as hub:
        hub.add("someone/tiny", tiny_bert(folder / "tiny"))
        call = ["zoo", "add", "someone/tiny", "--lock", lock]
        done = forked_client(CLIENT, endpoint=hub.endpoint, home=folder / "home", argv=call)
    assert done.returncode == 0, done.stderr
    return lock, folder / "home" / "hub"


def test_a_search_on_a_real_model_tells_whether_it_beats_the_default(
    questions, cached, tmp_path, monkeypatch, capfd
):
    lock, cache = cached
    # This process has read HF_HOME already.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    out = tmp_path / "out"
    call = ["hwa", "search", "someone/tiny", "--zoo", "hub", "--lock", lock, "--data", questions]
    call += ["--out", out, "--steps", 2, "--chips", 1, "--examples", 8, "--fresh-chips", 2]
    call = [*map(str, call), "--pruner", "none"]
    assert main([*call, "--trials", "1"]) == 0
    told = capfd.readouterr()
    assert "0 default" in told.out
    assert "the search does not beat the default: no trial was better than it" in told.out
    assert told.err == ""
    assert main([*call, "--trials", "2", "--json"]) == 0
    told = capfd.readouterr()
    said = json.loads(told.out)
    assert told.err == ""
    assert [trial["number"] for trial in said["trials"]] == [0, 1]
    assert said["trials"][0]["setting"]["learning_rate"] == HwaRecipe().learning_rate
    assert said["conclusion"]["verdict"] in ("beats", "does not beat", "is not shown to beat")
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{said['storage']}")
    assert [t.params for t in study.trials] == [trial["setting"] for trial in said["trials"]]
    assert study.user_attrs["made_with"]["max_length"] == 64
    assert main([*call, "--seed", "3"]) == 4
    (line,) = capfd.readouterr().err.splitlines()
    assert "was made with something else" in line


@pytest.mark.parametrize("package", ["optuna", "greenlet", "wandb"])
def test_a_missing_package_is_named_with_what_installs_it(
    package, questions, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, package, None)
    call = ["hwa", "search", "bert", "--data", str(questions), "--out", str(tmp_path / "out")]
    assert main([*call, "--sampler", "gp", "--wandb", "offline"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert f"needs {package}" in line
    assert "pip install 'analog-bench[search]'" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["bird"], "no embedded model or folder 'bird'"),
        (["bert"], "no data to train on"),
        (["bert", "--weights", "w", "--zoo", "hub"], "--weights is for embedded models"),
    ],
)
def test_a_mistake_is_one_clear_line(words, why, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANALOG_BENCH_DATA", raising=False)
    assert main(["hwa", "search", *words]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--trials", "0"], ["--sampler", "cma"], ["--wandb", "on"]])
def test_a_line_that_cannot_be_read_is_refused(words, capsys):
    assert main(["hwa", "search", "bert", *words]) == 2
    assert words[0] in capsys.readouterr().err


def trial(number, value, state="complete", starts=1):
    made = create_trial(
        state=TrialState.COMPLETE if state == "complete" else TrialState.PRUNED,
        value=value,
        params={"batch": 8 + number, "learning_rate": 1e-3 / (number + 1)},
        distributions=SPACE,
        intermediate_values={1: 0.5},
        user_attrs={"starts": starts, "stopped": state == "pruned"},
    )
    made.number = number
    return made


def found_of(values, direction="maximize"):
    return SearchResult(tuple(trial(n, value) for n, value in enumerate(values)), direction)


def test_the_table_has_the_best_trials_and_the_default():
    trials = (
        trial(0, 40.0),
        trial(1, 42.5, starts=2),
        trial(2, None, "pruned"),
        trial(3, None, "diverged"),
        trial(4, 41.0),
    )
    told = printed(
        search_table(SearchResult(trials, "maximize"), "metric", title="tiny", shown=2), 90
    )
    lines = [line.split() for line in told.splitlines()]
    numbers = [words[:2] for words in lines if words and words[0].isdigit() and len(words) > 3]
    assert numbers[:3] == [["1", "42.5000"], ["4", "41.0000"], ["0", "default"]]
    assert "5 trials: 3 complete, 1 pruned, 1 diverged; 1 started again" in " ".join(told.split())
    down = printed(
        search_table(SearchResult(trials, "minimize"), "loss", title="tiny"), 90, encoding="ascii"
    )
    assert re.search(r"0 default +40\.0000(.|\n)*4 +41\.0000(.|\n)*1 +42\.5000", down)
    assert down.isascii()


@pytest.mark.parametrize(
    ("metric", "default", "best", "verdict"),
    [
        (F1, (50.0, 51.0, 52.0), (53.0, 54.0, 55.5), "beats"),
        (F1, (53.0, 54.0, 55.5), (50.0, 51.0, 52.0), "does not beat"),
        (F1, (50.0, 51.0, 52.0), (53.0, 50.0, 51.0), "is not shown to beat"),
        (NATS, (4.0, 4.1, 4.2), (3.9, 4.0, 4.11), "beats"),
        (NATS, (3.9, 4.0, 4.11), (4.0, 4.1, 4.2), "does not beat"),
        (F1, (50.0,), (60.0,), "is not shown to beat"),
        (F1, (50.0, 51.0), (math.nan, math.nan), "is not shown to beat"),
        # The chips differ more than the settings do, but each chip gains.
        (F1, (10.0, 50.0, 90.0), (11.0, 51.1, 91.0), "beats"),
    ],
)
def test_the_verdict_is_that_of_the_gains_chip_by_chip(metric, default, best, verdict):
    found = Conclusion(7, default, best, metric)
    assert found.verdict == verdict
    assert f" {verdict} the default" in found.sentence
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_default_that_is_the_best_needs_no_measurement(tmp_path):
    found = found_of([50.0, 40.0])
    concluded = conclude(found, tmp_path, F1, lambda setting: pytest.fail("measured"), {})
    assert concluded.verdict == "does not beat"
    assert "no trial was better" in concluded.sentence
    diverged = SearchResult((trial(0, None, "diverged"),), "maximize")
    assert conclude(diverged, tmp_path, F1, lambda setting: pytest.fail("measured"), {}) is None


def test_what_was_measured_is_kept_until_something_changes(tmp_path):
    asked = []

    def measure(setting):
        asked.append(setting["batch"])
        return (setting["batch"] + 0.5, math.nan)

    first = conclude(found_of([40.0, 50.0]), tmp_path, F1, measure, {"seed": 1})
    assert asked == [8, 9]
    assert first.best_scores[0] == 9.5
    assert math.isnan(first.default_scores[1])
    again = conclude(found_of([40.0, 50.0]), tmp_path, F1, measure, {"seed": 1})
    assert asked == [8, 9]
    assert again.as_dict() == first.as_dict()
    conclude(found_of([40.0, 50.0, 60.0]), tmp_path, F1, measure, {"seed": 1})
    conclude(found_of([40.0, 50.0, 60.0]), tmp_path, F1, measure, {"seed": 2})
    # The default was measured already, but not with another seed.
    assert asked == [8, 9, 10, 8, 10]
    (tmp_path / CONCLUSION).write_text("{")
    with pytest.raises(StoreError, match="delete it to measure again"):
        conclude(found_of([40.0, 50.0]), tmp_path, F1, measure, {"seed": 1})
    assert not (tmp_path / STORAGE).exists()
