"""`analog-bench nightly issues`: one a family, found again, with news only where there is some."""

import os

import pytest
from msgspec.structs import replace

from analog_bench.cli import BENCH_ERROR, main
from analog_bench.store.run_file import read_run, write_run
from tests.commands.github_stand_in import GitHubStandIn, program
from tests.history.nights import broken, result, write_night

GOOD, BAD = (70.0, 71.0, 69.0), (61.0, 62.2, 59.9)
HEAD, TAIL = "bert/head/white_output:std=1", "bert/tail/white_output:std=1"


@pytest.fixture(autouse=True)
def _stored(tmp_path, monkeypatch):
    """Work where the baselines of two families are stored, far from any gh."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    run = night(tmp_path, 0, head=GOOD, tail=GOOD, drift=GOOD)
    assert main(["baselines", "update", str(run)]) == 0


@pytest.fixture
def github(tmp_path, monkeypatch):
    stand_in = GitHubStandIn(tmp_path / "bin", labels=["bug"])
    monkeypatch.setenv("PATH", str(stand_in.folder))
    return stand_in


def night(folder, number, *, head=GOOD, tail=GOOD, drift=GOOD, **environment):
    results = [
        result(head),
        result(tail, layers="tail"),
        replace(result(drift), study="drift", case_id="bert/all/pcm", group="all"),
    ]
    return write_night(folder / "runs", number, results, **environment)


def issues(*words):
    return main(["nightly", "issues", *map(str, words)])


def test_an_issue_a_family_is_opened_and_then_kept_up_to_date(tmp_path, github, capsys):
    first = night(tmp_path, 1, head=BAD, drift=BAD)
    capsys.readouterr()
    assert issues(first) == 0
    assert capsys.readouterr().out == (
        "opened: Regressed: bert × drift https://example.org/issues/1\n"
        "opened: Regressed: bert × layer_noise https://example.org/issues/2\n"
    )
    assert github.labels == ["bug", "regression"]
    assert [issue["title"] for issue in github.issues] == [
        "Regressed: bert × drift", "Regressed: bert × layer_noise",
    ]  # fmt: skip
    body = github.issues[1]["body"]
    assert body.startswith("<!-- analog-bench-cases ")
    assert f"### 1 of 2 cases, {first.name}\n\naihwkit 1.1.0, torch 2.11.0, python 3" in body
    assert f"| {HEAD} | regressed | −9.0 ±" in body
    assert TAIL not in body
    listed, created = (
        next(words for words in github.calls if words[:2] == ["issue", verb])
        for verb in ("list", "create")
    )
    assert listed[2:6] == ["--label", "regression", "--state", "open"]
    assert created[2:6] == ["--title", "Regressed: bert × drift", "--label", "regression"]

    # The same cases, a night later: the text is new, and nobody is told.
    second = night(tmp_path, 2, head=BAD, drift=BAD)
    assert issues(second) == 0
    assert capsys.readouterr().out == (
        "updated: Regressed: bert × drift (#1)\nupdated: Regressed: bert × layer_noise (#2)\n"
    )
    assert len(github.issues) == 2
    assert second.name in github.issues[1]["body"]
    assert first.name not in github.issues[1]["body"]
    assert github.comments == []

    # Other cases in one family, nothing any more in the other: that issue is for people to close.
    third = night(tmp_path, 3, head=BAD, tail=BAD)
    assert issues(third) == 0
    assert capsys.readouterr().out == "updated: Regressed: bert × layer_noise (#2)\n"
    ((number, comment),) = github.comments
    assert number == 2
    assert comment == "Other cases now: 2 of 2 cases. The text above is up to date."
    assert TAIL in github.issues[1]["body"]
    assert second.name in github.issues[0]["body"]
    # The label is made once, and no other is touched.
    assert github.changes().count("label create") == 1


def test_environments_of_a_night_share_an_issue(tmp_path, github, monkeypatch):
    one = night(tmp_path / "one", 1, head=BAD)
    two = night(tmp_path / "two", 1, head=BAD, tail=BAD, aihwkit="1.2.0")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://example.org")
    monkeypatch.setenv("GITHUB_REPOSITORY", "some/where")
    monkeypatch.setenv("GITHUB_RUN_ID", "17")
    assert issues(one, two, "--label", "Bug") == 0
    (issue,) = github.issues
    assert "Last seen in https://example.org/some/where/actions/runs/17.\n" in issue["body"]
    assert "aihwkit 1.1.0, " in issue["body"]
    assert "aihwkit 1.2.0, " in issue["body"]
    assert issue["body"].count(f"| {HEAD} | regressed |") == 2
    # GitHub's labels have no case.
    assert github.changes() == ["issue create"]


def test_a_family_that_is_broken_keeps_its_issue_when_it_regresses(tmp_path, github, capsys):
    run = night(tmp_path, 1)
    found = read_run(run)
    (drift,) = [one for one in found.results if one.study == "drift"]
    others = tuple(one for one in found.results if one.study != "drift")
    write_run(run, replace(found, results=(*others, broken(drift))))
    capsys.readouterr()
    assert issues(run) == 0
    assert capsys.readouterr().out.startswith("opened: Broken: bert × drift ")
    for number, title in ((2, "Regressed: bert × drift"), (3, "Regressed: bert × drift")):
        assert issues(night(tmp_path, number, drift=BAD)) == 0
        assert capsys.readouterr().out == f"updated: {title} (#1)\n"
        assert [issue["title"] for issue in github.issues] == [title]
    assert issues(run) == 0
    assert [issue["title"] for issue in github.issues] == ["Broken: bert × drift"]
    # That other cases failed is news, and a new title alone is an edit.
    assert github.changes().count("issue comment") == 2


def test_a_comment_that_fails_is_made_the_next_night(tmp_path, github):
    assert issues(night(tmp_path, 1, head=BAD)) == 0
    before = github.issues
    gh = github.folder / "gh"
    whole = gh.read_text()
    gh.write_text(whole.replace('== ["issue", "comment"]', '== ["never"]'))
    other = night(tmp_path, 2, tail=BAD)
    assert issues(other) == BENCH_ERROR
    assert github.issues == before
    gh.write_text(whole)
    assert issues(other) == 0
    assert [number for number, _ in github.comments] == [1]
    assert TAIL in github.issues[0]["body"]


def test_a_dry_run_asks_nobody(tmp_path, capsys):
    run = night(tmp_path, 1, head=BAD, drift=BAD)
    capsys.readouterr()
    assert issues(run, "--dry-run") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("# Regressed: bert × drift\n\n<!-- analog-bench-cases ")
    assert "\n# Regressed: bert × layer_noise\n\n" in out
    assert out.endswith("`analog-bench baselines update RUN`, and close the issue.\n\n")


def test_the_newest_run_is_the_night(tmp_path, capsys):
    night(tmp_path, 1, head=BAD)
    newest = night(tmp_path, 2)
    os.utime(newest, (2_000_000_000, 2_000_000_000))
    for words in ((), ("runs",)):
        capsys.readouterr()
        assert issues(*words) == 0
        assert capsys.readouterr().out == (
            f"{newest.name}: Nothing regressed: 3 of 3 cases compared with a baseline\n"
            "no issue is needed\n"
        )


def test_a_run_that_was_not_to_be_compared(tmp_path, capsys):
    run = night(tmp_path, 1, head=BAD)
    found = read_run(run)
    write_run(run, replace(found, manifest=replace(found.manifest, options={"gate": "off"})))
    capsys.readouterr()
    assert issues(run) == 0
    assert "Nothing was compared with a baseline: 3 cases\n" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("--baselines", "elsewhere"), ()])
def test_without_baselines_nothing_can_be_said(words, tmp_path, capsys):
    run = night(tmp_path, 1, head=BAD)
    (tmp_path / "baselines").rename(tmp_path / "moved")
    capsys.readouterr()
    assert issues(run, *words) == BENCH_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert f"judged by the baselines in '{words[1] if words else 'baselines'}'" in line
    assert issues(run, "--baselines", "moved", "--dry-run") == 0
    assert "# Regressed: bert × layer_noise" in capsys.readouterr().out


def test_without_gh_or_where_it_fails(tmp_path, monkeypatch, capsys):
    run = night(tmp_path, 1, head=BAD)
    capsys.readouterr()
    assert issues(run) == BENCH_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert "issues need GitHub's command line, `gh`; --dry-run prints them" in line
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin/gh", "#!/bin/sh\necho 'run gh auth login\nplease' >&2\nexit 4\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert issues(run) == BENCH_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "analog-bench: error: gh label list failed: run gh auth login please"


def test_no_runs_at_all(tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    for words, said in (
        (("empty",), "no results in 'empty'; run `pytest bench` first"),
        (("missing.json",), "no run file at 'missing.json'"),
    ):
        assert issues(*words) == BENCH_ERROR
        assert said in capsys.readouterr().err
