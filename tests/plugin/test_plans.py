"""`--plan`: that plan is measured, and nothing else."""

import json

import pytest
from msgspec.structs import replace

from analog_bench.codec import write_record
from analog_bench.zoo.lock_file import Lock
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.own_folder import find_or_read
from tests.own_folders import saved_gpt2
from tests.planning.test_plan_record import PLAN

FEW = ("--chips", "2", "--examples", "2", "--data", "embedded")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Return a folder with a GPT-2 of two blocks, and a plan for it."""
    folder = tmp_path_factory.mktemp("plans")
    saved_gpt2(folder / "mine")
    lock = folder / "none.json"
    spec = find_or_read(str(folder / "mine"), "embedded", Lock(lock, {}, {}))
    products = [layer.name for layer in spec.layers if layer.kind == "matmul"]
    plan = replace(
        PLAN,
        model="mine",
        weights=load(spec, lock_path=lock).weights_sha256,
        analog=tuple(products[1:3]),
        int8=(products[0], *products[4:]),
        digital=(products[3],),
    )
    write_record(folder / "plan.json", plan)
    return folder, plan


def test_a_plan_is_the_only_case(warm, mine, tmp_path, results_of):
    folder, plan = mine
    chosen = (f"--plan={folder / 'plan.json'}", "--model", folder / "mine", *FEW)
    done = warm("bench", *chosen, "--drift", "1", "--drift", "86400", folder=tmp_path)
    assert done.code == 0, done.out
    assert "nothing to measure" not in done.out
    found = results_of(tmp_path / "results.json")
    short, day = found.values()
    assert [short["drift_s"], day["drift_s"]] == [1.0, 86_400.0]
    for result in (short, day):
        assert (result["study"], result["status"]) == ("plan", "measured")
        assert result["group"].startswith("plan-")
        assert 0 < result["facts"]["coverage_weights"] < 1
        assert len(result["chips"]) == 2
        first, second = (chip["scores"]["cross_entropy"] for chip in result["chips"])
        assert first != second
    manifest = json.loads((tmp_path / "results.json").read_text())["manifest"]
    assert manifest["options"]["plan"].startswith(f"{folder / 'plan.json'}@")
    # A plan without tiles draws nothing, and one chip is all there is to say.
    write_record(folder / "int8.json", replace(plan, analog=(), int8=(*plan.analog, *plan.int8)))
    chosen = (f"--plan={folder / 'int8.json'}", *chosen[1:])
    done = warm("bench", *chosen, "--json", tmp_path / "int8.json", folder=tmp_path)
    assert done.code == 0, done.out
    (result,) = results_of(tmp_path / "int8.json").values()
    assert (result["noise"], len(result["chips"])) == ("int8:bits=8", 1)
    assert result["chips"][0]["scores"] != result["digital"]


@pytest.mark.parametrize(
    ("change", "more", "wrong"),
    [
        ({"int8": ("lm_haed",)}, (), "has no matrix multiplication 'lm_haed'; did you mean"),
        ({"model": "other"}, (), "is a plan for other, and --model names mine"),
        ({}, ("--layer", "lm_head"), "--plan says which layers are analog; leave out --layer"),
        ({"noise": "preset:name=My"}, (), "was made for preset:name=My"),
        ({"weights": "cd" * 32}, (), "was made for other weights of mine (cdcdcdcdcdcd...)"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_line(warm, mine, tmp_path, change, more, wrong):
    folder, plan = mine
    write_record(tmp_path / "plan.json", replace(plan, **change))
    chosen = (f"--plan={tmp_path / 'plan.json'}", "--model", folder / "mine", *FEW, *more)
    done = warm("bench", *chosen, folder=tmp_path)
    assert done.code != 0
    assert wrong in " ".join(done.out.split())
    assert "Traceback" not in done.out


def test_other_studies_have_no_cases(warm, mine, tmp_path):
    folder, _ = mine
    chosen = (f"--plan={folder / 'plan.json'}", "--model", folder / "mine", "--collect-only", "-q")
    done = warm("bench", *chosen, folder=tmp_path)
    (case,) = done.cases
    assert case.startswith("mine/plan-")
