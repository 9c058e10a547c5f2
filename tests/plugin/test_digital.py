"""A digital model that is broken or has changed: it is to blame, not the chips, nor the session."""

import json

import pytest

from analog_bench.store.run_file import read_run
from tests.plugin.test_stopped import BENCH

TWO = ("--noise", "white_output:1", "--noise", "white_output:2")
CLS = 2  # a token of every question
POISON = f"""
    with torch.no_grad():
        digital_model.model.bert.embeddings.word_embeddings.weight[{CLS}, 3] = float("nan")
    baseline.check(measure(case))
"""
POISONED = (
    BENCH.replace("import pytest\n", "import pytest\nimport torch\n")
    .replace("case, measure, request", "case, digital_model, measure, baseline")
    .replace("    measure(case)\n", POISON)
)


@pytest.mark.parametrize("args", [("--update-baselines",), ("--gate", "off")], ids=" ".join)
def test_a_digital_model_without_finite_outputs(warm, tiny, project, tmp_path, args):
    (project / "bench_mine.py").write_text(POISONED)
    summary = tmp_path / "summary.md"
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    done = warm(
        "--model", tiny, *TWO, *args, "--report", "on", cwd=project, folder=tmp_path, env=env
    )
    assert done.code == 1, done.out
    assert "Traceback" not in done.out
    why = "digital: the model's outputs are not finite numbers; first those of "
    why += "embeddings.word_embeddings"
    assert f"broken: {why}" in done.out, done.out
    assert "tiny digital: broken" in done.out
    assert "2 cases: 2 broken" in done.out
    run = read_run(tmp_path / "results.json")
    for result in run.results:
        assert (result.status, result.reason, result.chips) == ("broken", why, ())
        assert result.digital == {}
    assert not list(tmp_path.rglob("stored/*/*"))
    assert "2 broken of 2 cases" in summary.read_text()
    assert "2 broken of 2 cases" in (tmp_path / "results.html").read_text()


@pytest.mark.parametrize(
    ("args", "poisoned", "said"),
    [
        (("-k", "theirs"), False, "FAILED mine::digital[tiny-mine-f1] - regressed: f1 was 50"),
        (("-k", "theirs", "-n", "1"), False, "mine::digital[tiny-mine-f1] - regressed: f1 was"),
        (("-k", "theirs"), True, "1 broken, 2 new"),
    ],
    ids=["one study", "with -n 1", "a broken digital model"],
)
def test_a_part_of_a_run_goes_on_where_another_ones_digital_model_is_not_what_it_was(
    warm, tiny, project, tmp_path, args, poisoned, said
):
    """The other study has no test in this session that could fail."""
    two = ("--model", tiny, *TWO)
    for name in ("mine", "theirs"):
        bench = POISONED if poisoned and name == "mine" else BENCH
        bench = bench.replace('name="mine"', f'name="{name}"').replace("bench_mine", f"b_{name}")
        bench = bench.replace("def b_", "def bench_").replace("examples=2", f"examples={len(name)}")
        (project / f"bench_{name}.py").write_text(bench)
    if not poisoned:
        stored = warm(*two, "--update-baselines", cwd=project, folder=tmp_path)
        assert stored.code == 0, stored.out
        path = tmp_path / "stored/digital/tiny.json"
        content = json.loads(path.read_text())
        digital = read_run(tmp_path / "results.json").results
        (protocol,) = {result.protocol for result in digital if result.study == "mine"}
        content["protocols"][protocol]["scores"]["f1"] += 50.0
        path.write_text(json.dumps(content))
    again = ("--json", tmp_path / "again.json")
    killed = warm(*two, *again, cwd=project, folder=tmp_path, env={"HOW": "os._exit(1)"})
    assert killed.code == 1
    assert (tmp_path / "again.json.journal").exists(), killed.out
    part = warm(*two, *again, "--resume", *args, cwd=project, folder=tmp_path)
    assert part.code == 1, part.out
    assert "INTERNALERROR" not in part.out
    assert said in part.out
    assert len(read_run(tmp_path / "again.json").results) == 3
