"""The cells of a study's grid as cases: which layers, under which noise, at which time."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence

from analog_bench.case import Case
from analog_bench.errors import LayerError, UsageError, did_you_mean
from analog_bench.noise import Noise
from analog_bench.study import Budget, Choice, Grouping, Study
from analog_bench.value_checks import shown
from analog_bench.zoo.model_structure import LayerName


def list_cases(
    study: Study,
    choice: Choice,
    layers_of: Mapping[str, Sequence[LayerName]],
    budget: Budget | None = None,
    *,
    usual_tile: str = "",
) -> list[Case]:
    """List a study's cases in their cheapest order: by model, variant, depth, noise, time.

    The budget, if any, narrows the grid where the user chose nothing. Layers that a noise cannot
    act on (a tile noise on a norm) make no case. A model's layers come in the order of computation;
    `usual_tile` is the simulator where neither the study nor the user names one. LayerError where
    one of the user's patterns fits no layer of any model.
    """
    _check_patterns("--layer", choice.layers, layers_of, LayerError)
    cases = []
    for model, layers in layers_of.items():
        afforded = budget.of(model) if budget else Budget(chips=1, examples=None)
        noises = choice.noises or afforded.noises or study.noises
        patterns = choice.layers or afforded.layers
        groupings = afforded.grouping or study.layers
        cells = _cells(
            (groupings,) if isinstance(groupings, str) else groupings, layers, patterns, noises
        )
        for variant in dict.fromkeys(choice.variants or study.variants):
            cases += [
                Case(
                    study=study.name,
                    model=model,
                    layers=names,
                    noise=noise,
                    drift_s=drift_s,
                    tile=choice.tile or study.tiles.get(noise, usual_tile),
                    hardware=choice.hardware if noise.WHERE == "tile" else "ideal",
                    variant=variant,
                    group=group,
                    version=study.version,
                )
                for (names, noise), group in cells.items()
                for drift_s in _times(noise, study, choice, afforded)
            ]
    # Of a noise or a time that the user names twice; numbers that differ beyond what ids spell.
    return list({case.id: case for case in cases}.values())


def check_budget_layers(study: Study, layers_of: Mapping[str, Sequence[LayerName]]) -> None:
    """Refuse, with a UsageError, a budget's pattern that fits no layer of the study's models."""
    for name, budget in study.budgets.items():
        at = f"budgets[{name!r}]: the layer"
        _check_patterns(at, budget.layers, layers_of, UsageError)
        for model, own in budget.per_model.items():
            if model in layers_of:
                _check_patterns(at, own.layers, {model: layers_of[model]}, UsageError)


def pick_products(model: str, layers: Sequence[LayerName], words: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the matrix multiplications that words of `--layers` choose.

    A word is `all`, `blocks`, or a pattern of layer names; LayerError for one that fits none.
    """
    products = [layer for layer in layers if layer.kind == "matmul"]
    picked: dict[str, None] = {}
    for word in words:
        if word == "blocks":
            fitting = [layer for layer in products if layer.block is not None]
        else:
            patterns = [] if word == "all" else [word]
            _check_patterns("--layers", patterns, {model: products}, LayerError)
            fitting = _matching(products, patterns)
        picked |= dict.fromkeys(layer.name for layer in fitting)
    return tuple(layer.name for layer in products if layer.name in picked)


def acts_on(noise: Noise, layer: LayerName) -> bool:
    """Whether a noise can act on a layer: only matrix multiplications go on tiles."""
    return noise.WHERE != "tile" or layer.kind == "matmul"


def _cells(
    groupings: Iterable[Grouping],
    layers: Sequence[LayerName],
    patterns: Sequence[str],
    noises: Sequence[Noise],
) -> dict[tuple[tuple[str, ...], Noise], str]:
    """Return layers with a noise on them, and by what name the layers go."""
    picked = _matching(layers, patterns)
    cells: dict[tuple[tuple[str, ...], Noise], str] = {}
    for grouping in groupings:
        for whole, members in _groups(grouping, picked):
            group = whole
            if grouping != "each" and len(picked) < len(layers):
                # Part of a model must not go by the name of the whole: ids would agree.
                group = f"{whole}:{','.join(patterns)}"
            for noise in noises:
                fitting = tuple(layer.name for layer in members if acts_on(noise, layer))
                if not fitting:
                    continue
                # Two groupings may pick the same layers, as where a pattern leaves out the head.
                cells.setdefault((fitting, noise), group)
    return cells


def _groups(
    grouping: Grouping, picked: Sequence[LayerName]
) -> list[tuple[str, Sequence[LayerName]]]:
    if grouping == "each":
        return [(layer.name, [layer]) for layer in picked]
    in_blocks = [layer for layer in picked if layer.block is not None]
    products = [layer for layer in in_blocks if layer.kind == "matmul"]
    if grouping == "each_block":
        blocks = dict.fromkeys(layer.block for layer in products)
        return [(f"block.{n}", [one for one in products if one.block == n]) for n in blocks]
    if grouping == "products":
        return [(grouping, products)]
    if grouping == "blocks":
        return [(grouping, in_blocks)]
    return [(grouping, picked)]


def _times(noise: Noise, study: Study, choice: Choice, afforded: Budget) -> Sequence[float]:
    if not noise.DRIFTS:
        return (0.0,)
    listed = choice.drift_s or afforded.drift_s or study.drift_s
    if choice.drift_s or not noise.TIMES or set(listed) <= set(noise.TIMES):
        return listed
    return [time for time in noise.TIMES if time in listed or not afforded.drift_s]


def _check_patterns(
    what: str,
    patterns: Sequence[str],
    layers_of: Mapping[str, Sequence[LayerName]],
    error: type[UsageError],
) -> None:
    layers = {layer.name: layer for names in layers_of.values() for layer in names}
    for pattern in patterns:
        if not _matching(list(layers.values()), [pattern]):
            raise error(
                f"{what} {shown(pattern)} fits no layer of {', '.join(layers_of)}; "
                f"{did_you_mean(pattern, layers)}"
            )


def _matching(layers: Sequence[LayerName], patterns: Sequence[str]) -> list[LayerName]:
    def fits(layer: LayerName) -> bool:
        return any(fnmatch.fnmatchcase(layer.name, pattern) for pattern in patterns)

    return [layer for layer in layers if not patterns or fits(layer)]
