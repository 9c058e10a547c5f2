"""The hyperparameters of one hardware-aware training. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

import msgspec
from msgspec import Meta

from analog_bench.codec import LARGEST_WHOLE
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.simulators.aihwkit_engines import CPP_TILE, TORCH_TILE
from analog_bench.simulators.protocol import Simulator
from analog_bench.value_checks import LARGEST, SMALLEST
from analog_bench.zoo.model_specs import ModelSpec
from analog_bench.zoo.range_folder import RangeMethod

_Natural: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST_WHOLE)]
_Count: TypeAlias = Annotated[int, Meta(ge=1, le=LARGEST_WHOLE)]
_Amount: TypeAlias = Annotated[float, Meta(ge=0, le=LARGEST)]
_Positive: TypeAlias = Annotated[float, Meta(ge=SMALLEST, le=LARGEST)]


def trainable_presets() -> dict[str, Simulator]:
    """Return the hardware that can be trained for, with its tile engine."""
    return {name: one for one in (TORCH_TILE, CPP_TILE) for name in one.presets}


@dataclass(frozen=True)
class HwaRecipe:
    """Hyperparameters; the text beside each is the help of the command line.

    A step is `accumulation` batches. The loss is `distillation` times the divergence from the
    digital model's outputs, plus (1 - `distillation`) times the cross-entropy of the truth, plus
    `states` times the error of the hidden states.

    The modifier's noise is drawn for every batch (C++ tile: every step). Weights are clipped after
    each step (aihwkit's `LAYER_GAUSSIAN`). With `adam` the learning rate is about the change per
    step, relative to the largest weight of an output; `sgd` has momentum 0.9. Input ranges are
    trained in units of the layer's input, starting from those that calibration finds on training
    data (`analog.input_ranges.calibrate`). `bfloat16` rounds far more finely than the converters
    do; those, noise, norms, losses, updates and every validation are in float32.
    """

    preset: Annotated[
        str, "the hardware: a preset of aihwkit, or FILE.py:FUNCTION for one of your own"
    ] = "StandardHWATrainingTorch"
    layers: Annotated[Literal["all", "blocks"], "what is on tiles"] = "all"
    modifier: Annotated[
        Literal["preset", "none", "add_normal", "mult_normal", "prog_noise", "pcm_noise"],
        "noise on the weights while training",
    ] = "add_normal"
    modifier_std: Annotated[_Amount, "its strength, relative to a tile's largest weight"] = 0.06
    clip_sigma: Annotated[
        _Amount, "standard deviations at which weights are clipped; 0: as the preset does"
    ] = 2.5
    optimiser: Annotated[Literal["adam", "sgd"], "aihwkit's AnalogAdam or AnalogSGD"] = "adam"
    learning_rate: Annotated[_Positive, "peak rate of the weights on tiles, or of the adapter"] = (
        2e-3
    )
    digital_rate: Annotated[_Positive, "peak rate of norms and biases"] = 2e-4
    range_rate: Annotated[_Amount, "peak rate of input ranges; 0 keeps the first ones"] = 1e-2
    first_ranges: Annotated[RangeMethod, "how input ranges to start from are found"] = "fit"
    weight_decay: Annotated[_Amount, "of the weights on tiles"] = 0.0
    batch: Annotated[_Count, "windows, or rows of text, a batch"] = 8
    accumulation: Annotated[_Count, "batches a step"] = 1
    steps: Annotated[_Count, "optimiser steps"] = 600
    warmup: Annotated[_Natural, "steps of warm-up"] = 30
    decay: Annotated[Literal["cosine", "linear"], "how the rates fall to zero"] = "cosine"
    precision: Annotated[
        Literal["float32", "bfloat16"], "of the digital model and of products while training"
    ] = "bfloat16"
    distillation: Annotated[
        float,
        Meta(ge=0, le=1),
        "share of the digital model's outputs in the loss; the truth has the rest",
    ] = 0.9
    temperature: Annotated[_Positive, "of the outputs in the loss"] = 2.0
    states: Annotated[_Amount, "weight of the hidden states in the loss"] = 1.0
    rank: Annotated[_Natural, "rank of a low-rank adapter; 0 trains the weights"] = 0
    adapter: Annotated[
        Literal["digital", "merged"], "beside the frozen weights in digital, or merged into them"
    ] = "digital"
    validate_every: Annotated[_Count, "steps between validations"] = 100
    chips: Annotated[_Count, "chips a validation programs"] = 2
    drift_s: Annotated[_Positive, "their age in seconds"] = 86_400.0
    validation_examples: Annotated[_Count, "held-out questions, or blocks of text"] = 64
    held_out: Annotated[_Count, "whole articles that are only validated on"] = 8
    patience: Annotated[
        _Natural, "validations without improvement before it stops; 0 never stops"
    ] = 3
    max_length: Annotated[int, Meta(ge=32), "tokens a window of question and context holds"] = 256
    block: Annotated[int, Meta(ge=2), "tokens a row of text predicts"] = 128
    seed: Annotated[_Natural, "of everything that is drawn"] = 20261123

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: A value is out of range, a choice is unknown, or two values exclude each
                other.
        """
        for name, kind in get_type_hints(HwaRecipe, include_extras=True).items():
            value = getattr(self, name)
            choices = get_args(get_args(kind)[0])
            if choices and value not in choices:
                raise UsageError(f"no {name} {value!r}; {did_you_mean(value, choices)}")
            try:
                msgspec.convert(value, kind)
            except msgspec.ValidationError as problem:
                raise UsageError(f"{name} {value} cannot be used: {problem}") from None
        if self.preset not in trainable_presets():
            hint = did_you_mean(self.preset, trainable_presets())
            raise UsageError(f"no hardware preset {self.preset!r}; {hint}")
        # The torch tile rejects modifiers that simulate devices.
        if self.modifier in ("prog_noise", "pcm_noise") and self.tile != CPP_TILE.name:
            raise UsageError(
                f"the modifier {self.modifier} needs the C++ tile and {self.preset} is for the "
                "torch tile; use add_normal or mult_normal, or --preset StandardHWATrainingPreset"
            )
        if self.rank and self.adapter == "merged" and self.tile == CPP_TILE.name:
            raise UsageError(
                f"a merged adapter learns on the torch tile only, and {self.preset} is for the C++ "
                "tile; use --adapter digital, or --rank 0"
            )
        if self.warmup > self.steps:
            raise UsageError(
                f"{self.warmup} steps of warm-up are more than the {self.steps} steps of training"
            )

    @property
    def tile(self) -> str:
        """The tile engine of the preset."""
        return trainable_presets()[self.preset].name

    @property
    def has_ranges(self) -> bool:
        """Whether the preset's tiles have static input ranges."""
        return trainable_presets()[self.preset].presets[self.preset]

    @property
    def batches(self) -> int:
        """Number of batches in the whole training."""
        return self.steps * self.accumulation

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0, as a share of the peak."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        left = 1.0 - (step + 0.5 - self.warmup) / max(1, self.steps - self.warmup)
        return left if self.decay == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)

    def described(self) -> dict[str, str | int | float]:
        """Return the recipe as plain values, for the record beside the weights."""
        return asdict(self)


_LONG = {"patience": 0, "precision": "float32", "chips": 3, "validation_examples": 96}
_OF_EMBEDDED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "bert": {**_LONG, "steps": 1600, "warmup": 40, "validate_every": 400},
        "distilgpt2": {"clip_sigma": 2.0},
        # Its 144-wide stream is the most sensitive to noise, and recovers slowly.
        "mobilebert": {
            **_LONG,
            **{"steps": 3600, "warmup": 60, "validate_every": 600, "modifier_std": 0.03},
        },
    }
)
"""Deviations from the defaults with which the embedded models' shipped weights were trained."""


def recipe_for(spec: ModelSpec, asked: Mapping[str, Any]) -> HwaRecipe:
    """Return the recipe for a model: for an embedded one, that of its shipped weights.

    Windows and rows are adapted to the model, and the warm-up keeps its share of the steps.

    Raises:
        UsageError: A hyperparameter in `asked` cannot be used; see `HwaRecipe`.
    """
    own = _OF_EMBEDDED[spec.name] if spec.source == "embedded" else {}
    usual, positions = replace(HwaRecipe(), **own), spec.structure.positions
    steps = asked.get("steps", usual.steps)
    fitted: dict[str, Any] = {
        "warmup": round(usual.warmup * min(1.0, steps / usual.steps)),
        "max_length": min(usual.max_length, positions),
        "block": min(usual.block, positions),
    }
    recipe = replace(usual, **{**fitted, **asked})
    for name in ("max_length", "block"):
        if getattr(recipe, name) > positions:
            raise UsageError(
                f"{name} {getattr(recipe, name)} is more than the {positions} positions of "
                f"{spec.name}; ask for fewer"
            )
    return recipe
