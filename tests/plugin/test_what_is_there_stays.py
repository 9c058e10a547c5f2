"""No run replaces what is not its own, and none finds out late that it cannot write."""

import pytest

from analog_bench.store.journal_file import read_journal
from analog_bench.store.run_file import read_run
from tests.plugin.test_stopped import BENCH

USAGE, FAILED = 4, 1


@pytest.fixture
def mine(by_words, tiny, project):
    """Return a function that runs two cases; it gives the exit code and the output."""
    (project / "bench_mine.py").write_text(BENCH)

    def run(*args, how=""):
        words = ["-p", "no:cacheprovider", f"--model={tiny}", "--noise", "white_output:1"]
        words += ["--noise", "white_output:2", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        done = by_words([*words, *args], project, {"HOW": how} if how else {})
        return done.code, done.out

    return run


def one_line(out):
    """Return the only line that says what is wrong."""
    (line,) = [line for line in out.splitlines() if line.startswith("ERROR: ")]
    assert "Traceback" not in out
    return line


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("thesis.json", '{"title": "A thesis"}', "is there and is no results file"),
        ("thesis.json", "", None),
        ("notes.json", "not even JSON", "is there and is no results file"),
    ],
)
def test_a_file_of_something_else_stays(mine, project, name, content, said):
    (project / name).write_text(content)
    code, out = mine("--json", name, "--report", "off")
    if said is None:
        assert code == 0, out
        assert len(read_run(project / name).results) == 2
        return
    assert code == USAGE, out
    assert said in one_line(out)
    assert (project / name).read_text() == content


def test_results_of_an_earlier_run_stay(mine, project):
    code, out = mine("--json", "run.json")
    assert code == 0, out
    before = {path: path.read_bytes() for path in project.glob("run.*")}
    assert len(before) == 2
    for args in ((), ("--seed", "2"), ("--resume",)):
        code, out = mine("--json", "run.json", *args)
        assert code == USAGE, out
        said = "nothing to resume" if args == ("--resume",) else "the results of an earlier run (2 "
        assert said in one_line(out)
        assert {path: path.read_bytes() for path in project.glob("run.*")} == before


def test_a_page_of_something_else_stays(mine, project):
    (project / "run.html").write_text("<html>mine</html>")
    code, out = mine("--json", "run.json")
    assert code == 0, out
    assert "run.html' is there and is no report" in " ".join(out.split())
    assert "report: not written: " in out
    assert (project / "run.html").read_text() == "<html>mine</html>"
    assert len(read_run(project / "run.json").results) == 2


def test_a_file_that_an_ini_file_names_is_not_asked_for_by_other_tests(mine, project):
    with (project / "pytest.ini").open("a") as file:
        file.write("analog_bench_json = run.json\nanalog_bench_report = off\n")
    (project / "run.json").write_text("{}")
    code, out = mine("-k", "something_else")
    assert code == 0, out
    code, out = mine()
    assert code == USAGE, out
    assert "no results file" in one_line(out)
    assert (project / "run.json").read_text() == "{}"


@pytest.mark.parametrize("args", [(), ("--update-baselines", "--json", "run.json")], ids=str)
def test_that_nothing_can_be_written_is_found_out_first(mine, project, args):
    for name in ("runs", "baselines"):
        (project / name).write_text("a file")
    code, out = mine(*args)
    assert code == USAGE, out
    assert "cannot write " in one_line(out)
    assert "expected: " not in out
    assert "digital: " not in out
    assert not list(project.glob("run.json*"))


@pytest.mark.parametrize("kind", ["file", "loop"])
def test_workers_are_not_left_measuring_what_cannot_be_written(mine, project, kind):
    runs = project / "runs"
    runs.write_text("a file") if kind == "file" else runs.symlink_to("runs")
    code, out = mine("-n", "2")
    assert code == USAGE, out
    (line,) = [line for line in out.splitlines() if "cannot write results to " in line]
    assert "choose another file" in line
    assert "passed" not in out
    assert "INTERNALERROR" not in out


def test_results_that_could_not_be_written_are_not_named(mine, project):
    code, out = mine("--json", "run.json", how="os.mkdir('run.json')")
    assert code == FAILED, out
    assert "results: " not in out
    assert "report: " not in out
    said = " ".join(one_line(out).split())
    assert "cannot write results to " in said
    assert "run.json.journal' keeps what was measured: go on with `pytest " in said
    assert said.endswith("--resume`")
    assert len(read_journal(project / "run.json").results) == 2
    (project / "run.json").rmdir()
    code, out = mine("--json", "run.json", "--resume", "--report", "off")
    assert code == 0, out
    assert len(read_run(project / "run.json").results) == 2


def test_without_a_terminal_the_error_is_said_all_the_same(mine, project):
    code, out = mine("--json", "run.json", "-p", "no:terminal", how="os.mkdir('run.json')")
    assert code == FAILED, out
    assert "cannot write results to " in one_line(out)
