from dataclasses import replace

import pytest

from analog_bench.store.environment import collect_environment
from analog_bench.store.run import Manifest
from analog_bench.store.soundness import (
    COSMETIC_OPTIONS,
    DECISIVE_ENVIRONMENT,
    what_differs,
)

THERE = {
    **collect_environment({"device": "cuda", "devices": ["cpu", "A"], "threads": 2}),
    **{"torch": "2.11.0", "python": "3.11.7"},
}
OPTIONS = {"budget": "smoke", "chips": "3", "front": "on", "json": "a.json", "device": "cuda"}
STORED = Manifest("2026-01-02T03:04:05+00:00", 1, "pytest", THERE, "a" * 40, OPTIONS)


def environment(**changed):
    return replace(STORED, environment={**THERE, **changed})


def options(**changed):
    kept = {**OPTIONS, **changed}
    return replace(STORED, options={name: word for name, word in kept.items() if word is not None})


@pytest.mark.parametrize(
    "present",
    [
        STORED,
        replace(STORED, created="2027-01-01T00:00:00+00:00", command="pytest --resume"),
        environment(python="3.12.1", platform="other", cpu="other", threads=8, scipy=None),
        environment(datasets="9", tiles={"torch": "works"}),
        options(front="off", json="b.json", resume="yes"),
        options(json=None, front=None),
        replace(STORED, commit="a" * 40 + "-dirty"),
        replace(STORED, commit=None),
        replace(STORED, environment={"torch": "2.11.0"}),  # the rest is not known yet
    ],
)
def test_what_numbers_do_not_depend_on_may_differ(present):
    assert what_differs(STORED, present) == ""
    assert what_differs(present, STORED) == ""


@pytest.mark.parametrize(
    ("present", "said"),
    [
        (replace(STORED, seed=2), "seed was 1, is 2"),
        (replace(STORED, commit="b" * 40), "commit was 'aaaaaaaaaaaa', is 'bbbbbbbbbbbb'"),
        (environment(torch="2.15.0"), "torch was '2.11.0', is '2.15.0'"),
        (environment(torch=None), "torch was '2.11.0', is not given"),
        (environment(devices=["cpu", "B"]), "devices was ['cpu', 'A'], is ['cpu', 'B']"),
        (options(chips="10"), "--chips was '3', is '10'"),
        (options(chips=None), "--chips was '3', is not given"),
        (options(noise="pcm"), "--noise was not given, is 'pcm'"),
        (options(baselines="elsewhere"), "--baselines was not given, is 'elsewhere'"),
        (
            replace(environment(device="cpu", numpy="1"), seed=3, options={}),
            "seed was 1, is 3; numpy was '{numpy}', is '1'; device was 'cuda', is 'cpu'; "
            "--budget was 'smoke', is not given; --chips was '3', is not given",
        ),
    ],
)
def test_what_numbers_depend_on_is_named_in_one_line(present, said):
    said = said.format(**THERE)
    said += "; --device was 'cuda', is not given" * (not present.options and "device" not in said)
    assert what_differs(STORED, present) == said


@pytest.mark.parametrize("name", [n for n in DECISIVE_ENVIRONMENT if n != "device"])
def test_every_decisive_part_of_the_environment_is_collected_and_compared(name):
    assert name in collect_environment({})
    assert f"{name} was " in what_differs(STORED, environment(**{name: "another"}))


def test_the_names_of_gpus_matter_only_to_those_who_use_them():
    one, two = (
        replace(options(device="cpu"), environment={**THERE, "device": "cpu", "devices": names})
        for names in (["cpu", "A"], ["cpu", "B"])
    )
    assert what_differs(one, two) == ""


def test_it_stays_one_line_whatever_stands_in_it():
    strange = options(noise="a\nb\x1b[31m" + "x" * 500, **{"o\np": "q"})
    said = what_differs(STORED, strange)
    assert said.isprintable()
    assert len(said) < 300


def test_every_cosmetic_option_is_documented(request):
    described = (request.config.rootpath / "docs" / "schema.md").read_text(encoding="utf-8")
    resuming = described.split("### Resuming")[1].split("\n## ")[0]
    for name in (*COSMETIC_OPTIONS, *DECISIVE_ENVIRONMENT):
        assert f"`{name}`" in resuming
