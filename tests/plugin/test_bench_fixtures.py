"""The fixtures, in a bench file as a user would write it, in a folder of the user's own."""

BENCH = '''
from dataclasses import asdict

import pytest
import torch

from analog_bench.noise import Pcm, WhiteOutput
from analog_bench.study import Budget, Study

STUDY = Study(
    name="mine",
    question="does the head survive?",
    models=("bert",),
    noises=(Pcm(), WhiteOutput(std=0.5)),
    drift_s=(3600.0,),
    layers="all",
    budgets={"smoke": Budget(chips=2, examples=8)},
)


def logits(model, batch):
    with torch.no_grad():
        found = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    return torch.stack([found.start_logits, found.end_logits], dim=-1)


@pytest.mark.study(STUDY)
def bench_by_hand(case, digital_model, task, request):
    batch = task.batches[0]
    clean = logits(digital_model.model, batch)
    assert torch.equal(clean, logits(digital_model.model, batch))
    chip = request.getfixturevalue("chip")
    model = request.getfixturevalue("analog_model")
    with chip.reading(0, batch.attention_mask):
        noisy = logits(model, batch)
    assert noisy.shape == clean.shape
    assert not torch.equal(noisy, clean)
    with chip.reading(0, batch.attention_mask):
        assert torch.equal(logits(model, batch), noisy)


@pytest.mark.study(STUDY)
def bench_digital_again(case, digital_model, task):
    """The chips of the tests before are gone."""
    names = {type(module).__name__ for module in digital_model.model.modules()}
    assert not any("Analog" in name or "Tile" in name for name in names)
    scores = task.score([logits(digital_model.model, batch) for batch in task.batches])
    assert len(scores["f1"]) == task.examples == 8


@pytest.mark.study(STUDY)
def bench_measured(case, measure, baseline):
    result = measure(case)
    assert [chip.chip for chip in result.initial_chips] == [0, 1]
    assert baseline.verdict(result).kind == "new"
    baseline.check(result)


@pytest.mark.study(STUDY)
def bench_without_cases(digital_model, task, study):
    assert study is STUDY
    assert digital_model.spec.name == "tiny"
    assert task.examples == 8


def bench_environment(environment):
    assert environment.versions["torch"] == torch.__version__.split("+")[0]
    assert environment.tiles["torch"].usable or environment.tiles["torch"].reason


def bench_unmarked(task):
    pass
'''


def test_a_users_bench_file(warm, tiny, results_of, project, sentences, tmp_path):
    (project / "bench_mine.py").write_text(BENCH)
    given = ("--model", tiny, "--hardware", "ideal", "--data", sentences)
    done = warm("-rA", *given, cwd=project, folder=tmp_path)
    # The unmarked one asks for a task and must say what it lacks.
    assert "mark the function with @pytest.mark.study(STUDY)" in done.out
    assert "8 passed" in done.out, done.out
    assert "1 error" in done.out, done.out
    assert done.code == 1
    assert "Traceback" not in done.out
    results = results_of(tmp_path / "results.json")
    pcm = "tiny/all/pcm:prog=1,read=1,drift=1,compensate=yes/3600s/torch"
    assert list(results) == [pcm, "tiny/all/white_output:std=0.5"]
    assert results[pcm]["facts"]["coverage_weights"] == 1.0
    assert not (project / "runs").exists()
    assert not (tmp_path / "stored").exists()
    assert "does the head survive?" in done.out


def test_a_regression_fails_and_an_update_mends_it(warm, project, sentences, tmp_path):
    (project / "bench_mine.py").write_text(BENCH)
    only = ("-k", "bench_measured and white_output", "--chips", "2", "--data", sentences)
    stored = warm(
        *only, "--noise", "white_output:0", "--update-baselines", cwd=project, folder=tmp_path
    )
    assert stored.code == 0, stored.out
    (path,) = (tmp_path / "stored" / "direct").rglob("*.json")
    before = path.read_text()
    # The stored noise is renamed, so that a much stronger one is compared with it.
    path.write_text(before.replace("white_output:std=0", "white_output:std=3"))
    other = ("--noise", "white_output:3", "--json", tmp_path / "worse.json")
    worse = warm(*only, *other, cwd=project, folder=tmp_path)
    assert worse.code == 1, worse.out
    assert "regress" in worse.out
    assert "Traceback" not in worse.out
