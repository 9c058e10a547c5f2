"""The study of generation through a whole run: texts in the results, numbers in the baselines."""

import json
import shutil

import pytest

from analog_bench.zoo.lock_file import Entry, LockedFile, read_lock, write_lock
from analog_bench.zoo.model_specs import HUB_IDS
from tests.plugin.conftest import ROOT, structure_of
from tests.tiny_hub import GPT2, STORED, cached_gpt2

CASE = f"{STORED}/all/preset:name=StandardHWATrainingTorch"
FEW = ("--drift", "86400", "--chips", "1", "--examples", "2")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Cache a tiny GPT-2; a BERT is known, too, but its files are not to be had."""
    folder = tmp_path_factory.mktemp("hub")
    lock = cached_gpt2(folder)
    files = {"config.json": LockedFile(7, "b" * 64)}
    bert = Entry(HUB_IDS["bert"], "model", "c" * 40, "2026-11-23", files, structure_of("bert"))
    write_lock(read_lock(lock).with_entry(bert))
    return lock, folder


def test_chips_write_and_are_judged_by_number(warm, hub, project, tmp_path):
    lock, home = hub
    shutil.copy(ROOT / "bench" / "bench_generation.py", project)
    options = ("--zoo", "hub", f"--lock={lock}", "--model", "bert", "--model", GPT2)
    prompt = "The [red]fox[/red]"
    done = warm(
        *(*options, *FEW, "--prompt", prompt, "--update-baselines"),
        folder=tmp_path,
        cwd=project,
        env={"HF_HOME": str(home)},
    )
    assert done.code == 0, done.out
    # A model that answers questions has no cases, named or not.
    assert "2 passed, 1 skipped" in done.out
    run = json.loads((tmp_path / "results.json").read_text())
    cases = [result["case_id"] for result in run["results"]]
    assert cases == [f"{CASE}/86400s/torch{variant}" for variant in ("", "/calibrated", "/hwa")]
    (scope,) = run["scopes"]
    assert scope["data"] == f"texts from {prompt!r}"
    assert (scope["examples"], scope["main_metric"]) == (2, "generation_perplexity")
    for result in run["results"]:
        assert set(result["digital"]) == {"generation_perplexity", "repetition"}
        assert [text.startswith(prompt) for text in result["digital_texts"]] == [True, True]
        if result["variant"] == "hwa":
            assert "has no HWA weights" in result["reason"]
        for chip in result["chips"]:
            assert len(chip["texts"]) == 2
            assert set(chip["texts"]).isdisjoint(result["digital_texts"])
            assert set(chip["scores"]) == set(result["digital"])
    said = " ".join(done.out.split())
    assert f"2 texts from {prompt!r}" in said
    # Named once as the data; what was written stands in a table, with its brackets.
    assert said.count(prompt) == 3
    assert "generation perplexity" in said
    stored = (tmp_path / "stored" / "direct" / STORED / "generation.json").read_text()
    assert f"{CASE}/86400s/torch" in stored
    assert "text" not in stored
    digital = json.loads((tmp_path / "stored" / "digital" / f"{STORED}.json").read_text())
    assert list(digital["protocols"]) == [run["results"][0]["protocol"]]
