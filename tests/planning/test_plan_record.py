"""Plan files: what is written comes back, and what is wrong is one line."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from analog_bench.codec import write_record
from analog_bench.errors import UsageError
from analog_bench.planning.plan_record import (
    Estimate,
    Plan,
    PlanEnergy,
    layers_of,
    name_of,
    read_plan,
)

LAYERS = ("h.0.attn.c_attn", "h.0.mlp.c_fc", "lm_head")
PLAN = Plan(
    schema_version=1,
    created="2026-11-27T20:00:00+00:00",
    command="analog-bench plan tiny --max-loss cross_entropy=0.1",
    environment={"torch": "2.11.0", "aihwkit": None},
    model="tiny",
    zoo="folder",
    weights="ab" * 32,
    hardware="StandardHWATrainingTorch",
    noise="preset:name=StandardHWATrainingTorch",
    tile="torch",
    drift_s=86_400.0,
    variant="calibrated",
    data="embedded blocks",
    examples=12,
    protocol="0123456789abcdef",
    metric="cross_entropy",
    max_loss=0.1,
    predicted=Estimate(0.07, 0.05, 0.09, 0, 1),
    measured=Estimate(0.08, None, None, 1, 2),
    energy=PlanEnergy("hermes-4phase", 128, 1, 1.0, 2.0, 3.0, 0.5),
    analog=("h.0.mlp.c_fc",),
    int8=("lm_head",),
    digital=("h.0.attn.c_attn",),
)


def test_what_is_written_comes_back(tmp_path):
    path = tmp_path / "runs" / "plan.json"
    write_record(path, PLAN)
    assert read_plan(path) == PLAN
    assert '"analog": ["h.0.mlp.c_fc"]' in path.read_text()


def test_layers_come_in_the_order_of_the_model():
    assignment = PLAN.assignment(LAYERS)
    assert dict(assignment) == {
        "h.0.attn.c_attn": "digital",
        "h.0.mlp.c_fc": "analog",
        "lm_head": "int8",
    }
    assert list(assignment) == list(LAYERS)
    assert layers_of(assignment, "int8") == ("lm_head",)
    # The same plan has the same name, however it is written down.
    turned = dict(reversed(assignment.items()))
    assert name_of(turned) == name_of(assignment)
    assert name_of({**assignment, "lm_head": "digital"}) != name_of(assignment)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"int8": ("lm_haed",)}, "no matrix multiplication 'lm_haed'; did you mean 'lm_head'?"),
        ({"int8": ("lm_head", "lm_head")}, "lm_head stands twice"),
        ({"int8": ()}, "says nothing of lm_head"),
    ],
    ids=str,
)
def test_layers_that_are_not_the_models_are_refused(changes, wrong):
    with pytest.raises(UsageError, match=wrong.replace("?", r"\?")):
        replace(PLAN, **changes).assignment(LAYERS, "plan.json")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda d: d.update(schema_version=2), "is no plan of this version: schema_version"),
        (lambda d: d.update(max_loss=-1), "max_loss"),
        (lambda d: d.pop("analog"), "analog"),
        (lambda d: d.update(more=1), "more"),
    ],
)
def test_a_file_that_is_no_plan_is_one_line(tmp_path, change, wrong):
    path = tmp_path / "plan.json"
    write_record(path, PLAN)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=wrong) as caught:
        read_plan(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said():
    with pytest.raises(UsageError, match=r"there is no plan 'nowhere\.json'; `analog-bench plan"):
        read_plan(Path("nowhere.json"))
