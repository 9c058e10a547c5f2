"""A plan: which layers of a model go on tiles, which compute in INT8, which stay digital.

The record is the schema of a plan file. It includes the origin of the plan and its prediction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from analog_bench.case import Variant
from analog_bench.codec import DocumentError, Whole, convert, read_json
from analog_bench.content_name import fingerprint
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.planned_case_record import LETTERS
from analog_bench.records import NotNegative, Score, Seed

How: TypeAlias = Literal["analog", "int8", "digital"]
"""Treatment of a layer: tiles, digital INT8, or digital as the model was trained (FP16)."""
HOWS: tuple[How, ...] = get_args(How)
Assignment: TypeAlias = Mapping[str, How]
"""Treatment of each matrix multiplication, by its public name, in the order of computation."""


class Estimate(Struct, frozen=True, forbid_unknown_fields=True):
    """A loss against digital, in the metric's unit, with its 95 % interval where there is one.

    Attributes:
        loss: The mean over chips.
        low: Lower end of the interval.
        high: Upper end.
        chips: Number of chips it was measured on; 0 if it was predicted.
        seed: The seed of these chips, or of those that the prediction rests on.
    """

    loss: Score
    low: Score | None
    high: Score | None
    chips: Whole
    seed: Seed


class PlanEnergy(Struct, frozen=True, forbid_unknown_fields=True):
    """Energy per token in pJ, by a plan and on digital machines at the same level.

    Attributes:
        scenario: Name of the analog hardware; see `planning.scenarios`.
        tokens: Tokens per inference.
        tokens_per_fetch: Tokens that digital layers compute with each weight they fetch.
        pj: Energy by the plan.
        int8_pj: Energy with everything in INT8.
        fp16_pj: Energy with everything in FP16.
        analog_pj: Energy with every matrix multiplication on tiles.
    """

    scenario: str
    tokens: Whole
    tokens_per_fetch: Whole
    pj: NotNegative
    int8_pj: NotNegative
    fp16_pj: NotNegative
    analog_pj: NotNegative


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a plan file.

    Attributes:
        schema_version: 1.
        created: Time of creation, UTC, ISO 8601.
        command: The command line that made it.
        environment: Versions of the packages that losses depend on.
        model: Name of the model in results.
        zoo: Where the model comes from.
        weights: Fingerprint of its digital weights.
        hardware: The preset of the tiles, as it was named.
        noise: The same as spelt in results.
        tile: The simulator.
        drift_s: Seconds since programming at which losses were measured.
        variant: `direct`, or `calibrated` input ranges.
        data: The data that losses were measured on.
        examples: Number of examples.
        protocol: Fingerprint of data, tokeniser, lengths and metrics.
        metric: The metric of losses.
        max_loss: The largest loss that was asked for.
        predicted: The loss that the plan was chosen for, with the interval predicted before it was
            measured.
        measured: The loss on fresh chips.
        energy: Its energy.
        analog: Layers on tiles.
        int8: Layers in digital INT8.
        digital: Layers that stay as they were trained; their energy is that of FP16.
    """

    schema_version: Literal[1]
    created: str
    command: str
    environment: dict[str, str | None]
    model: str
    zoo: str
    weights: str
    hardware: str
    noise: str
    tile: str
    drift_s: NotNegative
    variant: Variant
    data: str
    examples: Whole
    protocol: str
    metric: str
    max_loss: NotNegative
    predicted: Estimate
    measured: Estimate
    energy: PlanEnergy
    analog: tuple[str, ...]
    int8: tuple[str, ...]
    digital: tuple[str, ...]

    def assignment(self, layers: tuple[str, ...], file: object = "the plan") -> Assignment:
        """Return the treatment of each of a model's matrix multiplications, in the model's order.

        Args:
            layers: The model's matrix multiplications, by public name.
            file: The name of the plan in errors.

        Raises:
            UsageError: The plan has an unknown layer, has one twice, or omits one.
        """
        found: dict[str, How] = {}
        for how in HOWS:
            for layer in getattr(self, how):
                if layer not in layers:
                    near = did_you_mean(layer, layers)
                    raise UsageError(
                        f"{file}: {self.model} has no matrix multiplication {layer!r}; {near}"
                    )
                if layer in found:
                    raise UsageError(f"{file}: {layer} stands twice in the plan")
                found[layer] = how
        for layer in layers:
            if layer not in found:
                raise UsageError(f"{file}: the plan says nothing of {layer}; put it in `digital`")
        return {layer: found[layer] for layer in layers}


def name_of(assignment: Assignment) -> str:
    """Return the short name of a plan in ids, which depends only on its layers."""
    return f"plan-{fingerprint(json.dumps(dict(assignment), sort_keys=True).encode())}"


def letters_of(assignment: Assignment) -> str:
    """Return a plan as results store it: one letter of `LETTERS` per layer."""
    letters = dict(zip(HOWS, LETTERS, strict=True))
    return "".join(letters[how] for how in assignment.values())


def assignment_of(letters: str, layers: Sequence[str]) -> Assignment:
    """Return the plan that `letters_of` spelt, for these layers in the order of computation."""
    hows = dict(zip(LETTERS, HOWS, strict=True))
    return {layer: hows[letter] for layer, letter in zip(layers, letters, strict=True)}


def as_promised(loss: float, low: float | None, high: float | None) -> bool | None:
    """Return whether a loss lies in the predicted interval; None if there was none."""
    return None if low is None or high is None else low <= loss <= high


def layers_of(assignment: Assignment, how: How) -> tuple[str, ...]:
    """Return the layers with this treatment, in order."""
    return tuple(layer for layer, its_how in assignment.items() if its_how == how)


def read_plan(path: Path) -> Plan:
    """Read a plan file.

    Raises:
        UsageError: It cannot be read, or is not one.
    """
    try:
        return convert(read_json(path), Plan)
    except FileNotFoundError:
        raise UsageError(
            f"there is no plan {str(path)!r}; `analog-bench plan MODEL --max-loss METRIC=VALUE` "
            "writes one"
        ) from None
    except DocumentError as problem:
        raise UsageError(f"{path} is no plan of this version: {problem}") from None
