"""`analog-bench plan` on a tiny GPT-2 that has learned a text; what becomes of its plan."""

import contextlib
import io
import json
import re
from itertools import combinations
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from analog_bench.cli import main
from analog_bench.codec import write_record
from analog_bench.noise import Preset
from analog_bench.planning.plan_record import name_of, read_plan
from analog_bench.store.run_file import read_run
from analog_bench.zoo.hwa_folder import read_hwa_record
from tests import tiny_gpt2
from tests.squad_articles import write_articles

TEXT = 2 * tiny_gpt2.PROSE
FEW = ("--examples", "3", "--chips", "2", "--plans", "3", "--fresh-chips", "3", "--limits", "3")
# Its noise of programming is large beside the small weights of this model.
HARDWARE = ("--hardware", "FloatingPointPreset")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a GPT-2 that knows a text by heart, nearly, and the text."""
    folder = tmp_path_factory.mktemp("plan")
    tokenizer = tiny_gpt2.tokenizer_of(positions=256)
    model = tiny_gpt2.model_of(tokenizer, positions=256, scale=1.0)
    tokens = torch.tensor(tokenizer(TEXT)["input_ids"])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(70):
        ids = torch.stack([tokens[begin : begin + 256] for begin in (7 * step, 500 - 7 * step)])
        optimiser.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
    model.save_pretrained(folder / "tiny")
    tokenizer.save_pretrained(folder / "tiny")
    (folder / "prose.txt").write_text(TEXT)
    return folder


@pytest.fixture(autouse=True)
def _there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "120")


def words(*more, limit="0.3"):
    given = ("--max-loss", f"cross_entropy={limit}", "--data", "prose.txt", *HARDWARE, *FEW)
    return ["plan", "./tiny", *given, *more]


@pytest.fixture(scope="module")
def planned(folder):
    """Make a plan once; return what `--json` printed."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(folder)
        assert main([*words(), "--json"]) == 0
    return json.loads(printed.getvalue())


def test_the_front_saves_energy_step_by_step_and_is_verified(planned):
    assert (planned["model"], planned["metric"], planned["max_loss"]) == (
        "tiny",
        "cross_entropy",
        0.3,
    )
    assert planned["variant"] == "direct"  # it has no input ranges to fit
    # Two blocks of four layers, and the head; each on tiles and in INT8.
    assert len(planned["layers"]) == 2 * 9
    rows = planned["front"]
    assert [row["limit"] for row in rows] == sorted((r["limit"] for r in rows), reverse=True)
    energies = [row["energy"]["pj"] for row in rows]
    assert energies == sorted(energies)
    for row in [*rows, planned["everything_analog"]]:
        assert (row["measured"]["chips"], row["measured"]["seed"]) == (3, 2)
        low, high = row["predicted"]["low"], row["predicted"]["high"]
        assert low < row["predicted"]["loss"] < high
        assert row["as_promised"] == (low <= row["measured"]["loss"] <= high)
    for row in rows:
        assert row["predicted"]["loss"] <= row["limit"] * (1 + 1e-6)
    everything = planned["everything_analog"]
    assert set(everything["layers"].values()) == {"analog"}
    assert everything["energy"]["pj"] == pytest.approx(everything["energy"]["analog_pj"])


def test_the_file_holds_the_cheapest_plan_that_kept_the_limit(planned, folder):
    plan = read_plan(folder / planned["file"])
    kept = [n for n, row in enumerate(planned["front"]) if row["measured"]["loss"] <= 0.3]
    row = planned["front"][planned["chosen"]]
    assert planned["chosen"] == kept[0]
    assert plan.measured.loss == row["measured"]["loss"]
    assert plan.analog == tuple(x for x, how in row["layers"].items() if how == "analog")
    assert (plan.model, plan.zoo, plan.examples, plan.tile) == ("tiny", "folder", 3, "torch")
    assert "--max-loss cross_entropy=0.3" in plan.command


def test_a_second_call_measures_nothing_anew(planned, folder, monkeypatch, capsys):
    before = (folder / "runs/plans/tiny.layers.json").read_bytes()
    monkeypatch.setattr(
        "analog_bench.engine.runner.Runner.measure_together",
        lambda *_, **__: pytest.fail("it was measured again"),
    )
    assert main(words()) == 0
    said = capsys.readouterr().out
    assert (folder / "runs/plans/tiny.layers.json").read_bytes() == before
    assert "plan: runs/plans/tiny.json" in said
    assert "all analog" in said
    assert re.search(
        r"predicted by: [a-z, -]+, [\d.e+-]+ times that, as of 5 plans", " ".join(said.split())
    )
    # Other chips would be other numbers.
    assert main(words("--seed", "5")) == 4
    assert "seed was 1, is 5" in capsys.readouterr().err


def test_pairs_of_the_layers_that_lose_most(planned, folder, capsys):
    assert main([*words("--pairs", "3", "--limits", "1", "--held-out", "5"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    scores = [score["name"] for score in found["predictors"]["scores"]]
    assert scores[2:4] == ["sum of layers alone", "layers and pairs"]
    assert found["predicted_by"] == found["predictors"]["used"]
    assert found["predicted_by"] in scores
    alone = {row["name"]: row["loss"] for row in found["layers"] if row["how"] == "analog"}
    largest = sorted(alone, key=lambda layer: -alone[layer])[:3]
    in_order = [layer for layer in alone if layer in largest]
    pairs = {
        name_of({layer: "analog" if layer in pair else "digital" for layer in alone})
        for pair in combinations(in_order, 2)
    }
    kept = read_run(folder / "runs/plans/tiny.layers.json").results
    assert len(pairs) == 3
    assert pairs <= {result.group for result in kept}


def test_layers_of_another_run_are_taken(planned, folder, monkeypatch, capsys):
    runs = folder / "runs/plans/tiny.layers.json"
    given = words("--from", str(runs), "--plans", "0", "--limits", "1", "--out", "other.json")
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["layers"] == planned["layers"]
    assert (found["slope"], found["plans_fitted"]) == (1.0, 0)
    assert not (folder / "other.layers.json").exists()
    assert found["front"][0]["as_promised"] is None


@pytest.mark.parametrize(
    ("more", "limit", "wrong"),
    [
        (("--no-int8",), "0.0000001", "leaves everything digital: the least is lost with"),
        (("--from", "nowhere.json"), "0.3", "no run file at 'nowhere.json'"),
        (("--from", "runs/plans/tiny.layers.json", "--examples", "2"), "0.3", "on 3 prose blocks"),
        (("--from", "runs/plans/tiny.layers.json", "--drift", "1"), "0.3", "has no layer alone"),
        (("--hardware", "StandardHWATrainingTroch"), "0.3", "did you mean"),
        (("--scenario", "hermes"), "0.3", "did you mean 'hermes-4phase'?"),
        (("--held-out", "4"), "0.3", "--held-out must be 0 or at least 5"),
        (("--out", "plan.txt"), "0.3", "must name a file that ends in .json"),
        (("--pairs", "1"), "0.3", "one layer is no pair; give 0, or 2 and more"),
        (("--data", "nowhere.txt"), "0.3", "nowhere.txt"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_line(planned, capsys, more, limit, wrong):
    out = [] if "--out" in more or "--from" not in more else ["--out", "wrong.json"]
    assert main([*words(*more, limit=limit), *out]) == 4
    said, err = capsys.readouterr()
    assert said == ""
    assert err.count("\n") == 1
    assert wrong in err


def test_a_metric_of_another_task_is_refused(capsys):
    given = ["plan", "./tiny", "--data", "prose.txt", *FEW, "--out", "x.json"]
    assert main([*given, "--max-loss", "f1=1"]) == 4
    assert "--max-loss is in f1, and tiny is scored by cross_entropy" in capsys.readouterr().err
    assert main([*given, "--max-loss", "f2=1"]) == 4
    assert "--max-loss knows no metric 'f2'" in capsys.readouterr().err


def test_predictors_are_held_against_plans_that_none_was_fitted_to(planned, capsys):
    given = words("--held-out", "6", "--limits", "1", limit="0.3")
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["predictors"]
    assert (found["plans"], found["chips"]) == (6, 3)
    scores = {score["name"]: score for score in found["scores"]}
    assert list(scores) == [
        "layers on tiles",
        "weights on tiles",
        "sum of layers alone",
        "zero-shot, along the error",
        "zero-shot, error x alpha",
    ]
    for score in scores.values():
        assert score["low"] <= score["tau"] <= score["high"]
        assert score["regret"] >= 0
    assert scores["sum of layers alone"]["tau"] > 0
    assert scores["sum of layers alone"]["error"] < 1
    assert scores["layers on tiles"]["error"] is None
    assert main(given) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Predictors on 6 held-out plans" in said
    assert "Between disjoint halves of the chips tau is" in said


def test_energy_of_the_plan(planned, capsys):
    given = ["--scenario", "hermes-4phase", "--tokens-per-fetch", "1", "--json"]
    assert main(["energy", "./tiny", "--plan", planned["file"], *given]) == 0
    found = json.loads(capsys.readouterr().out)
    row = planned["front"][planned["chosen"]]
    (one,) = found["scenarios"]
    assert one["pj_per_token"] == pytest.approx(row["energy"]["pj"])
    assert found["on_tiles"] == [x for x, how in row["layers"].items() if how == "analog"]
    assert main(["energy", "bert", "--plan", planned["file"]]) == 4
    assert "has no matrix multiplication" in capsys.readouterr().err


def test_the_model_writes_by_the_plan(planned, capsys):
    given = ["--prompt", "The fox", "--chips", "1", "--texts", "1", "--drift", "1", "--json"]
    assert main(["generate", "./tiny", "--plan", planned["file"], *given]) == 0
    found = json.loads(capsys.readouterr().out)
    (case,) = found["cases"]
    plan = read_plan(Path(planned["file"]))
    assert case["variant"] == "direct"
    assert case["drift_s"] == 1.0
    assert 0 < case["coverage"] <= 1
    assert (case["coverage"] == 1) == (not plan.int8 and not plan.digital)
    assert main(["generate", "distilgpt2", "--plan", planned["file"]]) == 4
    assert "is a plan for tiny, and --model names distilgpt2" in capsys.readouterr().err


@pytest.fixture(scope="module")
def trainable(planned, folder):
    """Return the file of the same plan, with something on tiles of hardware to train for."""
    plan = read_plan(folder / planned["file"])
    layers = (*plan.analog, *plan.int8, *plan.digital)
    write_record(
        folder / "trainable.json",
        replace(
            plan,
            hardware=Preset().name,
            noise=str(Preset()),
            analog=layers[:2],
            int8=layers[2:4],
            digital=layers[4:],
        ),
    )
    return "trainable.json"


def test_the_model_is_trained_by_the_plan(trainable, folder, capsys):
    articles = {f"article {n}": [(TEXT, [("Who?", TEXT[:9])])] for n in range(3)}
    write_articles(folder / "articles.json", articles)
    few = ("--steps", "1", "--batch", "2", "--chips", "1", "--held-out", "1", "--block", "64")
    given = ["hwa", "train", "./tiny", "--data", "articles.json", *few]
    given += ["--validation-examples", "1", "--first-ranges", "sigma"]
    given += ["--ship", "planned/tiny", "--plan"]
    assert main([*given, trainable, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    plan = read_plan(folder / trainable)
    record = read_hwa_record(folder / found["ship"])
    assert set(record.input_ranges) == set(plan.analog)
    assert found["drift_s"] == plan.drift_s
    layers = (*plan.analog, *plan.int8, *plan.digital)
    assert record.recipe["layers"] == name_of(plan.assignment(layers))
    written = ["generate", "./tiny", "--plan", trainable, "--variant", "hwa", "--hwa", "planned"]
    few = ["--chips", "1", "--texts", "1", "--drift", "1", "--json"]
    assert main([*written, "--prompt", "The fox", *few]) == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert case["variant"] == "hwa"
    assert 0 < case["coverage"] < 1
    write_record(folder / "others.json", replace(plan, weights="0" * 64))
    assert main([*given, "others.json"]) == 4
    assert "was made for other weights of tiny" in capsys.readouterr().err
    assert main([*given, trainable, "--layers", "blocks"]) == 4
    assert "--plan says which layers are on tiles" in capsys.readouterr().err
    assert main(["hwa", "train", "bert", "--data", "articles.json", "--plan", trainable]) == 4
    assert "is a plan for tiny, not for bert" in capsys.readouterr().err
