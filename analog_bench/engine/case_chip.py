"""The chip of a case in a model: its layers under the case's noise, and others in digital INT8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from torch import nn

from analog_bench.analog.chip import Chip, install
from analog_bench.case import Case
from analog_bench.engine.calibration import Known
from analog_bench.noise import Int8
from analog_bench.simulators.registry import find_simulator


@contextmanager
def case_chip(
    model: nn.Module,
    case: Case,
    layers: Sequence[str],
    in_int8: Sequence[str],
    index: int,
    known: Known,
    *,
    seed: int,
) -> Iterator[Chip]:
    """Put a case's chip into a clean model for as long as the context lasts.

    `layers` and `in_int8` are the module paths of the case's own. What computes in INT8 draws
    nothing and does not age, so the chip that is returned is that of `layers` alone.

    Raises:
        UsageError: See `install`.
    """
    with ExitStack() as stack:
        if in_int8:
            stack.enter_context(install(model, layers=in_int8, noise=Int8(), chip=index, seed=seed))
        yield stack.enter_context(
            install(
                model,
                layers=layers,
                noise=case.noise,
                chip=index,
                seed=seed,
                simulator=find_simulator(case.tile) if case.noise.WHERE == "tile" else None,
                hardware=case.hardware,
                input_ranges=known.input_ranges,
                severities=known.severities,
            )
        )
