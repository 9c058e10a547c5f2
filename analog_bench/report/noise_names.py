"""Names of noises for readers: short ones, and what readers know them by."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analog_bench.noise.noise_family import usual_parameters
from analog_bench.spelling import one_line

_EQUAL_ERROR = re.compile(r"equal_error:family=(?P<family>.+),error=(?P<error>[^,]+)")


def noise_label(noise: str) -> str:
    """Name a noise on one line: a preset goes by its own name, `equal_error` as `pcm at 0.05`."""
    equal = _EQUAL_ERROR.fullmatch(noise)
    name = noise if equal is None else f"{equal['family']} at {equal['error']}"
    return one_line(name).removeprefix("preset:name=")


def noise_family(noise: str) -> str:
    """Name a noise without how strong it is, where that was chosen for its error."""
    return noise_label(noise).partition(" at ")[0]


def short_noises(noises: Iterable[str]) -> dict[str, str]:
    """Return each noise without the parameters that never vary, or are as in `pcm` alone.

    Different ones stay different.
    """
    known = sorted(set(noises))
    parts = {noise: noise.partition(":")[2].split(",") for noise in known}
    short = {}
    for noise in known:
        family = noise.partition(":")[0]
        always = set.intersection(*(set(parts[n]) for n in known if n.partition(":")[0] == family))
        # Some are their parameters, also where there is no other to tell them from.
        named = family in ("preset", "equal_error")
        plain = set() if named else always | usual_parameters(family)
        varying = ",".join(part for part in parts[noise] if part not in plain)
        short[noise] = f"{family}:{varying}" if varying else family
    return short
