"""The hyperparameters of one hardware-aware training. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

from analog_bench.errors import UsageError, did_you_mean
from analog_bench.simulators.aihwkit_engines import CPP_TILE, TORCH_TILE
from analog_bench.simulators.protocol import Simulator
from analog_bench.zoo.specs import ModelSpec

PRESETS: Mapping[str, Simulator] = MappingProxyType(
    {name: one for one in (TORCH_TILE, CPP_TILE) for name in one.presets}
)
"""The hardware that can be trained for, and the tile engine of each."""
# The torch tile refuses the modifiers that simulate devices.
_CPP_MODIFIERS = ("prog_noise", "pcm_noise")
# The smallest value of a whole number where that is not 0.
_AT_LEAST: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("batch", "accumulation", "steps", "chips", "validate_every"), 1),
        **{"held_out": 1, "validation_examples": 1, "block": 2, "max_length": 32},
    }
)
_ABOVE_0 = ("learning_rate", "digital_rate", "temperature", "drift_s")


@dataclass(frozen=True)
class HwaRecipe:
    """Hyperparameters.

    A step is `accumulation` batches. The loss is `distillation` times the divergence from the
    digital model's outputs, (1 - `distillation`) times the cross-entropy of the truth, and
    `states` times the error of the hidden states.

    Attributes:
        preset: The hardware: what the tiles compute like, in training and validation.
        layers: What is on tiles: `all` matrix multiplications, or those of the `blocks` only.
        modifier: The noise on the weights, drawn for every batch (C++ tile: every step):
            aihwkit's weight modifier, or `preset` for the preset's own.
        modifier_std: Its strength, relative to a tile's largest weight.
        clip_sigma: Weights are clipped at so many standard deviations of their tile after each
            step (aihwkit's `LAYER_GAUSSIAN`); 0 keeps the preset's own clipping.
        optimiser: `adam` (aihwkit's `AnalogAdam`) or `sgd` (`AnalogSGD`, momentum 0.9).
        learning_rate: Peak of the rate of the weights on tiles; with `adam` about the change a
            step, relative to the largest weight of an output. Of the adapter where there is one.
        digital_rate: Of norms, biases and output scales.
        range_rate: Of the input ranges, in units of the layer's input; 0 keeps them as observed.
        first_ranges: The input ranges that learning starts from: `fitted` to the layers' inputs
            (`analog.input_ranges`), or `observed` by the presets' rule, as direct weights have.
        weight_decay: L2 decay of the weights on tiles.
        batch: Windows, or rows of text, a batch.
        accumulation: Batches a step.
        steps: Optimiser steps.
        warmup: Steps of linear warm-up.
        decay: How the rates fall to zero after it.
        precision: `bfloat16` computes the digital model, and the products on torch tiles while
            training, in bfloat16: its rounding is far below the converters'. Converters, noise,
            norms, losses, updates and every validation are in float32.
        distillation: Share of the digital model's outputs in the loss; the truth has the rest.
        temperature: Of the outputs, in the divergence.
        states: Weight of the hidden states.
        rank: Of a low-rank adapter that learns in place of the weights; 0 trains the weights.
        adapter: Where it is: `digital` beside the frozen weights on tiles, or `merged` into them.
        validate_every: Steps between validations.
        chips: Fresh chips a validation programs.
        drift_s: Their age at validation.
        validation_examples: Held-out questions, or blocks of text.
        held_out: Whole articles that are only validated on.
        patience: Validations without improvement before the training stops; 0 never stops.
        max_length: Tokens a window of question and context holds.
        block: Tokens a row of text predicts.
        seed: Of everything that is drawn.
    """

    preset: str = "StandardHWATrainingTorch"
    layers: Literal["all", "blocks"] = "all"
    modifier: Literal["preset", "none", "add_normal", "mult_normal", "prog_noise", "pcm_noise"] = (
        "add_normal"
    )
    modifier_std: float = 0.06
    clip_sigma: float = 2.5
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 2e-3
    digital_rate: float = 2e-4
    range_rate: float = 1e-2
    first_ranges: Literal["fitted", "observed"] = "fitted"
    weight_decay: float = 0.0
    batch: int = 8
    accumulation: int = 1
    steps: int = 600
    warmup: int = 30
    decay: Literal["cosine", "linear"] = "cosine"
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    distillation: float = 0.9
    temperature: float = 2.0
    states: float = 1.0
    rank: int = 0
    adapter: Literal["digital", "merged"] = "digital"
    validate_every: int = 100
    chips: int = 2
    drift_s: float = 86_400.0
    validation_examples: int = 64
    held_out: int = 8
    patience: int = 3
    max_length: int = 256
    block: int = 128
    seed: int = 20261123

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: A value out of range, an unknown choice, or two that exclude each other.
        """
        if not 0 <= self.distillation <= 1:
            raise UsageError(f"distillation is a share from 0 to 1, found {self.distillation:g}")
        for name, kind in get_type_hints(HwaRecipe).items():
            value = getattr(self, name)
            if kind is int:
                least = _AT_LEAST.get(name, 0)
                if not isinstance(value, int) or isinstance(value, bool) or value < least:
                    raise UsageError(
                        f"{name} must be a whole number, {least} or above, found {value}"
                    )
            elif kind is float:
                if not 0 <= value < math.inf or (value == 0 and name in _ABOVE_0):
                    bound = "above 0" if name in _ABOVE_0 else "0 or above"
                    raise UsageError(f"{name} must be a number {bound}, found {value}")
            elif kind is not str and value not in get_args(kind):
                raise UsageError(f"no {name} {value!r}; {did_you_mean(value, get_args(kind))}")
        self._check_hardware()
        if self.warmup > self.steps:
            raise UsageError(
                f"{self.warmup} steps of warm-up are more than the {self.steps} steps of training"
            )

    @property
    def tile(self) -> str:
        """The tile engine of the preset."""
        return PRESETS[self.preset].name

    @property
    def has_ranges(self) -> bool:
        """Whether the preset's tiles have static input ranges."""
        return PRESETS[self.preset].presets[self.preset]

    @property
    def batches(self) -> int:
        """Batches of the whole training."""
        return self.steps * self.accumulation

    def rate(self, step: int) -> float:
        """Return the share of the peak rates at a step, counted from 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        left = 1.0 - (step + 0.5 - self.warmup) / max(1, self.steps - self.warmup)
        return left if self.decay == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)

    def described(self) -> dict[str, str | int | float]:
        """Return the recipe as plain values, for the record beside the weights."""
        return asdict(self)

    def _check_hardware(self) -> None:
        if self.preset not in PRESETS:
            raise UsageError(
                f"no hardware preset {self.preset!r}; {did_you_mean(self.preset, PRESETS)}"
            )
        if self.modifier in _CPP_MODIFIERS and self.tile != CPP_TILE.name:
            raise UsageError(
                f"the modifier {self.modifier} needs the C++ tile and {self.preset} is for the "
                "torch tile; use add_normal or mult_normal, or --preset StandardHWATrainingPreset"
            )
        if self.rank and self.adapter == "merged" and self.tile == CPP_TILE.name:
            raise UsageError(
                f"a merged adapter learns on the torch tile only, and {self.preset} is for the C++ "
                "tile; use --adapter digital, or --rank 0"
            )


_OF_EMBEDDED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "bert": {
            **{"steps": 300, "warmup": 15},
            **{"validate_every": 150, "chips": 3, "validation_examples": 60},
        },
        "distilgpt2": {"clip_sigma": 2.0},
        # Its 144-wide stream loses most of all to noise. First its answers turn vague, and score
        # worse; then they come back, slowly.
        "mobilebert": {
            **{"steps": 1400, "warmup": 40, "patience": 0, "modifier_std": 0.03},
            **{"validate_every": 200, "validation_examples": 60},
        },
    }
)
"""What the shipped weights of the embedded models were trained with instead of the defaults."""


def recipe_for(spec: ModelSpec, asked: Mapping[str, Any]) -> HwaRecipe:
    """Return the recipe for a model: for an embedded one, that of its shipped weights.

    Windows and rows are made to fit the model, and the warm-up keeps its share of the steps.

    Args:
        spec: The model.
        asked: Hyperparameters in place of the defaults, by name.

    Raises:
        UsageError: A hyperparameter that cannot be used; see `HwaRecipe`.
    """
    own = _OF_EMBEDDED[spec.name] if spec.source == "embedded" else {}
    usual, positions = replace(HwaRecipe(), **own), spec.structure.positions
    steps = asked.get("steps", usual.steps)
    fitted: dict[str, Any] = {
        "warmup": round(usual.warmup * min(1.0, steps / usual.steps)),
        "max_length": min(usual.max_length, positions),
        "block": min(usual.block, positions),
    }
    return replace(usual, **{**fitted, **asked})
