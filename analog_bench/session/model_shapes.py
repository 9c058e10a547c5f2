"""What the models of a run compute that were on tiles as a whole or by a plan: for energies."""

from __future__ import annotations

from collections.abc import Iterable

from analog_bench.errors import BenchError
from analog_bench.planning.shape_tracing import trace
from analog_bench.records import Result
from analog_bench.report.case_energy import is_whole
from analog_bench.session.cases import spec_of_case
from analog_bench.session.settings import Settings
from analog_bench.zoo.model_loading import read_outline
from analog_bench.zoo.model_shape import USUAL_TOKENS, ModelShape


def shapes_of(
    results: Iterable[Result], settings: Settings, notes: list[str]
) -> dict[str, ModelShape]:
    """Return the shapes of the models of whole-model results and plans, by their names in these.

    Of a model that is not there any more, as where a run is resumed elsewhere, there is none: it
    becomes a note.
    """
    shapes = {}
    wanted = (one.model for one in results if is_whole(one) or one.plan is not None)
    for model in dict.fromkeys(wanted):
        try:
            spec = spec_of_case(settings, model)
            outline = read_outline(spec, lock_path=settings.lock)
        except BenchError as problem:
            notes.append(f"no energy of {model} in the report: {problem}")
        else:
            shapes[model] = trace(outline, min(USUAL_TOKENS, spec.structure.positions))
    return shapes
