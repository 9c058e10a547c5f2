"""The registry of tasks: what takes which data, and what an added kind may not be called."""

import pytest

from analog_bench.records import Metric
from analog_bench.tasks.task_kinds import KINDS, METRICS, TaskKind, register_task, takers
from analog_bench.zoo.model_heads import HEADS, register_head


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("wikitext-2", {"lm"}),
        ("mine.JSON", {"qa", "classification"}),
        ("mine.csv", {"classification"}),
        ("squad", {"qa", "classification"}),
        ("there/mine.txt", {"lm"}),
        (".", {"lm"}),
        ("mine.doc", set()),
        ("squat", set()),
    ],
)
def test_data_is_for_the_kinds_that_name_it_or_its_ending(source, kinds):
    assert set(takers(source)) == kinds


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generation"])
def test_every_kind_has_a_head_and_takes_the_embedded_data(kind):
    assert kind in HEADS
    assert kind in takers("embedded")
    assert KINDS[kind].load().needed_positions() > 0
    assert {metric.name for metric in KINDS[kind].metrics} <= METRICS.keys()


def test_names_are_given_once():
    with pytest.raises(ValueError, match="two kinds of tasks are called 'qa'"):
        register_task("qa", KINDS["lm"])
    other = Metric("f1", "points", True, 2.0)
    with pytest.raises(ValueError, match="two metrics are called 'f1'"):
        register_task("another", TaskKind(metrics=(other,)))
    with pytest.raises(ValueError, match="two heads are for the task 'qa'"):
        register_head("qa", HEADS["lm"])
    assert "another" not in KINDS
    assert METRICS["f1"].margin == 1.0
