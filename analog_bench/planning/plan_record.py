"""A plan: which layers of a model go on tiles, which compute in INT8, which stay as they are.

The record is the schema of a plan file; it holds where the plan comes from and what it promised.
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
"""What becomes of a layer: tiles, digital INT8, or digital as the model was trained (FP16)."""
HOWS: tuple[How, ...] = get_args(How)
Assignment: TypeAlias = Mapping[str, How]
"""What becomes of each matrix multiplication, by its public name, in the order of computation."""


class Estimate(Struct, frozen=True, forbid_unknown_fields=True):
    """A loss against digital, in the metric's unit, with its 95 % interval where there is one.

    Attributes:
        loss: The mean over chips.
        low: Lower end of the interval.
        high: Upper end.
        chips: Chips that it was measured on; 0 where it was predicted.
        seed: The seed of these chips; of those that the prediction rests on.
    """

    loss: Score
    low: Score | None
    high: Score | None
    chips: Whole
    seed: Seed


class PlanEnergy(Struct, frozen=True, forbid_unknown_fields=True):
    """What a token takes, in pJ, and what it takes on a digital machine at the same level.

    Attributes:
        scenario: Name of the analog hardware; see `planning.scenarios`.
        tokens: Tokens of an inference.
        tokens_per_fetch: Tokens that what is digital computes with each weight it fetches.
        pj: By the plan.
        int8_pj: With everything in INT8.
        fp16_pj: With everything in FP16.
        analog_pj: With every matrix multiplication on tiles.
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
        created: When it was made, UTC, ISO 8601.
        command: The command line that made it.
        environment: Versions of the packages that losses depend on.
        model: Name of the model in results.
        zoo: Where it comes from.
        weights: Fingerprint of its digital weights.
        hardware: The preset of the tiles, as it was named.
        noise: The same as results name it.
        tile: The simulator.
        drift_s: Seconds since programming that losses are of.
        variant: `direct`, or `calibrated` input ranges.
        data: What losses were measured on.
        examples: How many examples of it.
        protocol: Fingerprint of data, tokeniser, lengths and metrics.
        metric: The metric of losses.
        max_loss: The largest loss that was asked for.
        predicted: What the plan was chosen for; its interval was promised before it was measured.
        measured: What fresh chips say.
        energy: What it takes.
        analog: Layers on tiles.
        int8: Layers in digital INT8.
        digital: Layers that stay as they were trained; for energy, in FP16.
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
        """Return what becomes of each of a model's matrix multiplications, in its own order.

        Raises:
            UsageError: The plan, which `file` names, has a layer that is none of them, has one
                twice, or leaves one out.
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
    """Return the short name of a plan in ids: the same for the same layers, whatever its file."""
    return f"plan-{fingerprint(json.dumps(dict(assignment), sort_keys=True).encode())}"


def letters_of(assignment: Assignment) -> str:
    """Return a plan as results hold it: a letter of `LETTERS` a layer."""
    letters = dict(zip(HOWS, LETTERS, strict=True))
    return "".join(letters[how] for how in assignment.values())


def assignment_of(letters: str, layers: Sequence[str]) -> Assignment:
    """Return the plan that `letters_of` spelt, of these layers in the order of computation."""
    hows = dict(zip(LETTERS, HOWS, strict=True))
    return {layer: hows[letter] for layer, letter in zip(layers, letters, strict=True)}


def as_promised(loss: float, low: float | None, high: float | None) -> bool | None:
    """Return whether a loss lies in the promised interval; None where none was promised."""
    return None if low is None or high is None else low <= loss <= high


def layers_of(assignment: Assignment, how: How) -> tuple[str, ...]:
    """Return the layers that become this, in order."""
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
