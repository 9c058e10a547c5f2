import socket
import sys
import time

import pytest

from analog_bench.errors import DataError
from analog_bench.tasks.qa_answers import exact_match, token_f1
from analog_bench.tasks.qa_crosscheck import crosscheck
from tests.hub_stand_in import HubStandIn

SCRIPT = """
import datasets
import evaluate

from .counting import f1_of, is_match


class Squad(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        answers = datasets.Sequence({"text": text, "answer_start": datasets.Value("int32")})
        return evaluate.MetricInfo(
            description="Exact match and F1",
            citation="",
            inputs_description="",
            features=datasets.Features(
                {
                    "predictions": {"id": text, "prediction_text": text},
                    "references": {"id": text, "answers": answers},
                }
            ),
        )

    def _compute(self, predictions, references):
        pairs = [
            (p["prediction_text"], r["answers"]["text"])
            for p, r in zip(predictions, references)
        ]
        count = len(pairs)
        return {
            "exact_match": 100 * sum(max(is_match(a, g) for g in gs) for a, gs in pairs) / count,
            "f1": 100 * sum(max(f1_of(a, g) for g in gs) for a, gs in pairs) / count,
        }
"""
COUNTING = """
import string


def words(text):
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def is_match(answer, gold):
    return float(words(answer) == words(gold))


def f1_of(answer, gold):
    left, shared = words(gold), 0
    for word in words(answer):
        if word in left:
            left.remove(word)
            shared += 1
    return 2 * shared / (len(words(answer)) + len(words(gold))) if shared else 0.0
"""


def write(folder, script=SCRIPT, counting=COUNTING):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "squad.py").write_text(script)
    (folder / "counting.py").write_text(counting)
    return str(folder)


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    import datasets.config
    import evaluate.config

    for config in (datasets.config, evaluate.config):
        monkeypatch.setattr(config, "HF_MODULES_CACHE", tmp_path / "modules")
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", tmp_path / "metrics")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [name for name in sys.modules if name.startswith("evaluate_modules")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refused(*_args, **_kwargs):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


@pytest.fixture
def scored(embedded):
    rows = embedded.select(range(40))
    golds = [answers["text"] for answers in rows["answers"]]
    answers = [
        [gold[0], f"the {gold[0]}!", gold[0].split()[0] + " or so", "nothing"][n % 4]
        for n, gold in enumerate(golds)
    ]
    pairs = list(zip(answers, golds, strict=True))
    scores = {"f1": [token_f1(a, g) for a, g in pairs], "em": [exact_match(a, g) for a, g in pairs]}
    return answers, rows, scores


def test_a_metric_in_a_folder_agrees(scored, tmp_path):
    assert crosscheck(*scored, module=write(tmp_path / "squad")) is True


@pytest.mark.parametrize(("name", "theirs"), [("f1", "0.99"), ("exact_match", "50")])
def test_a_metric_that_differs_is_an_error(scored, tmp_path, name, theirs):
    wrong = SCRIPT.replace(f'"{name}": 100', f'"{name}": 100 * {theirs}')
    assert wrong != SCRIPT
    with pytest.raises(DataError, match=r"is .* points here but .* by the metric") as caught:
        crosscheck(*scored, module=write(tmp_path / "squad", wrong))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["f1", "em"])
def test_a_score_of_ours_that_is_off_is_an_error(scored, tmp_path, name):
    answers, rows, scores = scored
    module = write(tmp_path / "squad")
    for wrong in (scores[name][3] + 1e-4, float("nan")):
        changed = {**scores, name: [*scores[name][:3], wrong, *scores[name][4:]]}
        with pytest.raises(DataError, match=f"^{name} is"):
            crosscheck(answers, rows, changed, module=module)


def test_a_metric_loaded_before_is_found_by_its_name(scored, tmp_path):
    cached = tmp_path / "modules" / "evaluate_modules" / "metrics" / "evaluate-metric--squad"
    assert crosscheck(*scored) is False
    write(cached / ("0" * 64))
    assert crosscheck(*scored) is True
    assert crosscheck(*scored, module="squad_v2") is False


def test_a_folder_in_the_working_directory_is_not_run(scored, tmp_path, monkeypatch):
    write(tmp_path / "squad", "raise AssertionError('this ran')")
    monkeypatch.chdir(tmp_path)
    assert crosscheck(*scored) is False


def test_without_a_metric_nothing_is_compared(scored, tmp_path):
    began = time.monotonic()
    (tmp_path / "squad").mkdir()
    for module in ("squad", str(tmp_path / "squad"), str(tmp_path / "none")):
        assert crosscheck(*scored, module=module) is False
    assert time.monotonic() - began < 1.0


def test_a_script_that_needs_more_is_not_run(scored, tmp_path):
    remote = SCRIPT.replace("is_match\n", "is_match  # From: https://example.com/a.py\n", 1)
    lacking = "import no_such_library_anywhere\n" + SCRIPT
    for number, script in enumerate((remote, lacking)):
        assert script != SCRIPT
        module = write(tmp_path / str(number) / "squad", script)
        assert crosscheck(*scored, module=module) is False
    (tmp_path / "2" / "squad").mkdir(parents=True)
    (tmp_path / "2" / "squad" / "squad.py").write_text(SCRIPT)
    assert crosscheck(*scored, module=str(tmp_path / "2" / "squad")) is False


def test_the_hub_is_never_asked_and_the_library_not_imported(forked_client, tmp_path, monkeypatch):
    monkeypatch.undo()
    code = """
import sys
from pathlib import Path
from analog_bench.tasks.qa_crosscheck import crosscheck
from analog_bench.tasks.qa_sources import load_questions
rows = load_questions("embedded", examples=1, data_folder=None, lock=Path("none")).rows
print(crosscheck(["x"], rows, {"f1": [0.0], "em": [0.0]}), "evaluate" in sys.modules)
"""
    with HubStandIn() as hub:
        ran = forked_client(code, endpoint=hub.endpoint, home=tmp_path)
        assert ran.stdout.split() == ["False", "False"], ran.stderr
        assert hub.requests == []
