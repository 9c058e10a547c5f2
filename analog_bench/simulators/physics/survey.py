"""What was found out about one installation of aihwkit. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analog_bench.simulators.physics.check import Check, check_as_plain, check_from_plain
from analog_bench.simulators.physics.fact import Fact, fact_as_plain, fact_from_plain


@dataclass(frozen=True)
class Survey:
    """An installation, surveyed.

    Attributes:
        versions: Version of `python`, `torch`, `aihwkit`, ...; None where not installed.
        tiles: Tile engine to why it cannot be used; empty where it can.
        facts: What is the same in two releases where nothing changed.
        checks: Physical quantities against their closed forms.
        presets: Inference preset to term to spelt value.
        noise_models: Names of aihwkit's noise models.
        reasons: Presets and noise models that could not be looked at, to why.
    """

    versions: Mapping[str, str | None]
    tiles: Mapping[str, str]
    facts: tuple[Fact, ...]
    checks: tuple[Check, ...]
    presets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    noise_models: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> tuple[str, ...]:
        """The tile engines that work."""
        return tuple(tile for tile, reason in self.tiles.items() if not reason)

    @property
    def failing(self) -> tuple[Check, ...]:
        """The checks that do not pass: off their closed form, or not to be measured."""
        return tuple(check for check in self.checks if not check.passes)


def survey_as_plain(survey: Survey) -> dict[str, Any]:
    """Return a survey as plain values for JSON."""
    return {
        "versions": dict(survey.versions),
        "tiles": dict(survey.tiles),
        "facts": [fact_as_plain(fact) for fact in survey.facts],
        "checks": [check_as_plain(check) for check in survey.checks],
        "presets": {name: dict(terms) for name, terms in survey.presets.items()},
        "noise_models": list(survey.noise_models),
        "reasons": dict(survey.reasons),
    }


def survey_from_plain(plain: Mapping[str, Any]) -> Survey:
    """Return the survey that `survey_as_plain` was given."""
    return Survey(
        versions=plain["versions"],
        tiles=plain["tiles"],
        facts=tuple(map(fact_from_plain, plain["facts"])),
        checks=tuple(map(check_from_plain, plain["checks"])),
        presets=plain["presets"],
        noise_models=tuple(plain["noise_models"]),
        reasons=plain["reasons"],
    )
