"""Surveys and runs made by hand, of a release in which nothing is wrong, and changes to them."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from analog_bench.records import Measurement, Metric, Result, Scope
from analog_bench.simulators.physics.survey_record import Check, Fact, Survey
from analog_bench.store.run import Manifest, Run

FIGURES = (0.1, 0.5, 0.6, 0.01)
SUBJECTS = (("pcm", "programming noise", "µS"), ("pcm", "read noise", ""), ("out_noise", "std", ""))
PRESET = {"forward": "IOParameters", "forward.out_noise": "0.04"}
METRICS = {"f1": Metric("f1", "points", True, 1.0)}
SCOPE = Scope("layer_noise", "bert", "which layers?", "embedded", 96, "f1", {})


def check(family, quantity, unit="", *, tile="torch", g=0.3, factor=1.0):
    return Check(
        family, quantity, f"g = {g:g}", tile, unit, 2.0 * factor, 2.0, 0.02, "a formula (a source)"
    )


def survey(**changed):
    """Return the survey of a sound release."""
    facts = [
        Fact("random numbers", "normal", "none", FIGURES),
        Fact("digital", "product", "none", FIGURES),
        *(Fact("ideal tile", "ideal", tile, FIGURES) for tile in ("torch", "cpp")),
        *(Fact("programming", "pcm", tile, FIGURES) for tile in ("torch", "cpp")),
        Fact("programming", "pcm after a day", "torch", FIGURES),
    ]
    checks = [
        check(family, quantity, unit, tile=tile, g=g)
        for family, quantity, unit in SUBJECTS
        for tile in ("torch", "cpp")
        for g in (0.3, 0.9)
    ]
    sound = Survey(
        versions={"python": "3.12.1", "torch": "2.15.0", "aihwkit": "1.2.0"},
        tiles={"torch": "", "cpp": ""},
        facts=tuple(facts),
        checks=tuple(checks),
        presets={"StandardHWATrainingPreset": PRESET},
        noise_models=("HermesNoiseModel", "PCMLikeNoiseModel"),
    )
    return replace(sound, **changed)


def with_noise(factor, subject="pcm programming noise"):
    """Return the survey of a release in which a quantity is off by a factor, as its chips show."""
    sound = survey()
    return replace(
        sound,
        checks=tuple(
            replace(c, measured=c.expected * factor) if c.subject == subject else c
            for c in sound.checks
        ),
        facts=tuple(
            replace(f, figures=tuple(x * 1.01 for x in f.figures)) if f.kind == "programming" else f
            for f in sound.facts
        ),
    )


def run(drop=0.0, digital=79.0, fingerprint=(1.0, 2.0), **changed):
    """Return a run of four cases on three chips."""
    results = tuple(
        Result(
            f"bert/layer.{n}/pcm/0s/torch", "layer_noise", "bert", f"layer.{n}", "pcm:prog=1", 0.0,
            "torch", "ideal", "direct", 1, "p1", "w1", 1, "measured", "", {"f1": digital},
            {"f1": 4.0},
            tuple(
                Measurement(chip, {"f1": 60.0 + chip + n - drop}, {}, fingerprint, 1.0)
                for chip in range(3)
            ),
        )
        for n in range(4)
    )  # fmt: skip
    manifest = Manifest("2026-11-23T10:00:00+00:00", 1, "pytest", {}, None, {})
    return structs.replace(Run(manifest, METRICS, (SCOPE,), results), **changed)
