"""A run on many machines: shards, merged, are the run that one machine would have made."""

import json
import re
import signal

import pytest

from analog_bench.cli import main
from analog_bench.gate.run_verdicts import judge_run
from analog_bench.store.journal_file import read_journal
from analog_bench.store.run_file import read_run
from analog_bench.store.shard import shard_of
from tests.plugin.two_studies import BROKEN, CHANGED, KILLER, without_seconds

SHARDS = 4


@pytest.fixture(scope="module")
def shards(measured, studies, whole):
    """Measure the same in four shards, and return what each said. One is killed, and resumed."""
    (studies / "killer.py").write_text(KILLER)
    said = []
    for number in range(1, SHARDS + 1):
        words = (f"shards/{number}.json", f"--shard={number}/{SHARDS}", "--resume")
        if number == 2 and hasattr(signal, "SIGKILL"):
            done = measured(*words, first=("-p", "killer"))
            assert done.code == -signal.SIGKILL, done.out
            assert read_journal(studies / words[0]).results
        said.append(measured(*words))
    return said


def merged(capsys, *words):
    """Merge in this process; return the exit code and what was printed."""
    code = main(["merge", *map(str, words)])
    return code, capsys.readouterr()


def test_shards_judge_nothing_and_say_which_they_are(shards, whole):
    for number, done in enumerate(shards, start=1):
        assert done.code == 0, done.out
        assert f"shard {number}/{SHARDS}: not judged by itself; `analog-bench merge`" in done.out
        assert "regressed" not in done.out
    cases = [int(re.search(r"^shard \d/4: (\d+) of (\d+) cases$", d.out, re.M)[1]) for d in shards]
    assert sum(cases) == len(whole.results)
    assert min(cases) > 0


def test_merged_shards_are_the_whole_run(shards, whole, studies, monkeypatch, capsys):
    monkeypatch.chdir(studies)
    code, said = merged(capsys, "shards", "-o", "merged.json")
    assert code == 1, said
    run = read_run(studies / "merged.json")
    assert without_seconds(run) == without_seconds(whole)
    assert (run.scopes, run.metrics, run.incomplete) == (whole.scopes, whole.metrics, None)
    # Also the confirmation chips of what looked changed, which shards measure as they go.
    assert [r.case_id for r in run.results if r.confirmation_chips] == [CHANGED]
    judged = judge_run(run, run.manifest.baselines)
    assert judged == judge_run(whole, whole.manifest.baselines)
    kinds = {case_id: verdict.kind for (case_id, _, _), verdict in judged.cases.items()}
    assert (kinds[CHANGED], kinds[BROKEN]) == ("improved", "broken")
    assert f"broken alone {BROKEN}:" in " ".join(said.out.split())
    assert "results: merged.json" in said.out
    assert (run.manifest.seed, run.manifest.commit) == (whole.manifest.seed, whole.manifest.commit)
    assert run.manifest.command == whole.manifest.command.replace(" --json=whole.json", "")
    assert {**run.manifest.options, "json": "whole.json"} == whole.manifest.options
    assert run.manifest.environment == whole.manifest.environment
    code, said = merged(capsys, "shards", "-o", "again.json", "--json")
    document = json.loads(said.out)
    assert (code, document["fails"]) == (1, True)
    assert len(document["cases"]) == len(whole.results)


def test_times_of_a_chip_are_in_one_shard(shards, studies):
    owners = {
        (result.model, number)
        for number in range(1, SHARDS + 1)
        for result in read_run(studies / f"shards/{number}.json").results
        if result.noise.startswith("pcm")
    }
    assert len(owners) == 2


def test_workers_measure_shards_and_one_without_cases_ends_well(
    whole, measured, studies, capsys, monkeypatch
):
    narrow = ("-k", "mine_alone", "--layer=qa_outputs", "--layer=embeddings.LayerNorm")
    for number in (1, 2):
        done = measured(f"three/{number}.json", f"--shard={number}/3", *narrow, "-n", "1")
        assert done.code == 0, done.out
    # The first layer costs all that the last one replays, and stands in the middle of the row.
    empty, one = (read_run(studies / f"three/{number}.json") for number in (1, 2))
    assert (len(empty.results), len(one.results)) == (0, 1)
    assert shard_of(empty.manifest).selection == shard_of(one.manifest).selection != ""
    monkeypatch.chdir(studies)
    code, said = merged(capsys, "three", "-o", "three.json")
    assert code == 4
    assert "1 shard missing: 3/3" in said.err
