"""How `equal_error` acts on a layer: as its family does, at the severity solved for the layer."""

from __future__ import annotations

from dataclasses import replace

from analog_bench.analog.effect import Effect, Site, effect_of, handles
from analog_bench.noise import EqualError


@handles(EqualError)
def _equal_error(noise: EqualError, site: Site) -> Effect:
    """The family itself, under its own name: the same chip draws what it draws there."""
    if site.severity is None:
        raise ValueError(
            f"{noise} needs a severity for {site.place.name}: solve_severity(...) first and pass it"
        )
    found = noise.at(site.severity)
    return effect_of(found, replace(site, family=found.NAME))
