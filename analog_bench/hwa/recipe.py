"""The hyperparameters of one hardware-aware training. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from analog_bench.analog.rules import PRESETS, needs_input_ranges
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise import Ideal, Tile
from analog_bench.zoo.specs import ModelSpec

Modifier = Literal["preset", "none", "add_normal", "mult_normal", "prog_noise", "pcm_noise"]
Optimiser = Literal["adam", "sgd"]
Decay = Literal["cosine", "linear"]
Precision = Literal["float32", "bfloat16"]
AdapterPlace = Literal["digital", "merged"]
Layers = Literal["all", "blocks"]
FirstRanges = Literal["fitted", "observed"]

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "modifier": get_args(Modifier),
        "optimiser": get_args(Optimiser),
        "decay": get_args(Decay),
        "precision": get_args(Precision),
        "adapter": get_args(AdapterPlace),
        "layers": get_args(Layers),
        "first_ranges": get_args(FirstRanges),
    }
)
"""The hyperparameters that are one of a few words, and the words."""
# The torch tile refuses the modifiers that simulate devices.
_OF_CPP: Mapping[str, Tile] = MappingProxyType({"prog_noise": "cpp", "pcm_noise": "cpp"})
_AT_LEAST: Mapping[str, int] = MappingProxyType(
    {
        **{"batch": 1, "accumulation": 1, "steps": 1, "block": 2, "max_length": 32, "chips": 1},
        **{"warmup": 0, "rank": 0, "validate_every": 1, "patience": 0, "held_out": 1},
        **{"validation_examples": 1, "seed": 0},
    }
)
_ABOVE_0 = ("learning_rate", "digital_rate", "temperature", "drift_s")
_FROM_0 = ("range_rate", "weight_decay", "states", "modifier_std", "clip_sigma")


@dataclass(frozen=True)
class HwaRecipe:
    """Hyperparameters.

    A step is `accumulation` batches. The loss is `distillation` times the divergence from the
    digital model's outputs, (1 - `distillation`) times the cross-entropy of the truth, and
    `states` times the error of the hidden states.

    Attributes:
        preset: The hardware: what the tiles compute like, in training and validation.
        layers: What is on tiles: `all` matrix multiplications, or those of the `blocks` only.
        modifier: The noise on the weights, drawn anew for every batch (C++ tile: every step):
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
            (`analog.fitted_ranges`), or `observed` by the presets' rule, as direct weights have.
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
    layers: Layers = "all"
    modifier: Modifier = "add_normal"
    modifier_std: float = 0.06
    clip_sigma: float = 2.5
    optimiser: Optimiser = "adam"
    learning_rate: float = 2e-3
    digital_rate: float = 2e-4
    range_rate: float = 1e-2
    first_ranges: FirstRanges = "fitted"
    weight_decay: float = 0.0
    batch: int = 8
    accumulation: int = 1
    steps: int = 600
    warmup: int = 30
    decay: Decay = "cosine"
    precision: Precision = "bfloat16"
    distillation: float = 0.9
    temperature: float = 2.0
    states: float = 1.0
    rank: int = 0
    adapter: AdapterPlace = "digital"
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
        """Refuse what cannot be trained with.

        Raises:
            UsageError: A value out of range, an unknown choice, or two that exclude each other.
        """
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise UsageError(f"{name} must be a whole number, {least} or above, found {value}")
        for name in (*_ABOVE_0, *_FROM_0):
            value = getattr(self, name)
            if not 0 <= value < math.inf or (value == 0 and name in _ABOVE_0):
                bound = "above 0" if name in _ABOVE_0 else "0 or above"
                raise UsageError(f"{name} must be a number {bound}, found {value}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(
                    f"no {name} {getattr(self, name)!r}; {did_you_mean(getattr(self, name), known)}"
                )
        self._check_hardware()
        if not 0 <= self.distillation <= 1:
            raise UsageError(f"distillation is a share from 0 to 1, found {self.distillation:g}")
        if self.warmup > self.steps:
            raise UsageError(
                f"{self.warmup} steps of warm-up are more than the {self.steps} steps of training"
            )

    @property
    def tile(self) -> Tile:
        """The tile engine of the preset."""
        return PRESETS[self.preset]

    @property
    def has_ranges(self) -> bool:
        """Whether the preset's tiles have static input ranges."""
        return needs_input_ranges(Ideal(), self.preset)

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
            raise UsageError(f"no hardware preset {self.preset!r}; {self._nearest(PRESETS)}")
        if self.modifier in _OF_CPP and self.tile != "cpp":
            raise UsageError(
                f"the modifier {self.modifier} needs the C++ tile and {self.preset} is for the "
                "torch tile; use add_normal or mult_normal, or --preset StandardHWATrainingPreset"
            )
        if self.rank and self.adapter == "merged" and self.tile == "cpp":
            raise UsageError(
                f"a merged adapter learns on the torch tile only, and {self.preset} is for the C++ "
                "tile; use --adapter digital, or --rank 0"
            )

    def _nearest(self, known: Mapping[str, Tile]) -> str:
        return did_you_mean(self.preset, known)


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
"""Where the embedded models' shipped weights were trained otherwise than usual."""


def recipe_for(spec: ModelSpec, asked: Mapping[str, Any]) -> HwaRecipe:
    """Return the recipe for a model: of an embedded one, that of its shipped weights.

    Args:
        spec: The model.
        asked: Hyperparameters in place of the usual ones, by name.

    Returns:
        The model's own or the usual recipe, with windows and rows that fit the model, and a
        warm-up that is as large a share of the steps.

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
