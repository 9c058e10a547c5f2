"""A supernet: weights that the whole model and its sub-networks share and learn together.

In each step the whole and some random sub-networks learn from the digital model, one batch each,
with noise on their weights. The quality of a sub-network then shows without training it (Cai et
al., "Once-for-all", ICLR 2020, arXiv 1908.09791; Yu et al., "BigNAS", ECCV 2020, arXiv 2003.11142).

Trainable tiles (`simulators.trainable_tiles`) have one shape each and cannot be shared by layers of
other shapes. Of the hardware, only the noise and the clipping of weights are therefore part of the
training here.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel

from analog_bench.analog.random_draws import reproducible, seeded
from analog_bench.errors import UsageError
from analog_bench.hwa import checkpoint
from analog_bench.hwa.checkpoint import Checkpoint
from analog_bench.hwa.checkpoint_owner import claim
from analog_bench.hwa.hyperparameters import HwaRecipe, recipe_for
from analog_bench.hwa.loss import distillation_loss
from analog_bench.hwa.training_data import TrainingData, make_data
from analog_bench.hwa.training_report import Progress
from analog_bench.planning.subnetworks import random_subnetwork
from analog_bench.seeds import derive_seed
from analog_bench.tasks.squad_files import content_hash
from analog_bench.zoo.mobilebert_parts import SubNetwork, order_by_importance, share, whole
from analog_bench.zoo.model_loading import LoadedModel
from analog_bench.zoo.model_specs import ModelSpec

PARTS = 3
"""Networks that learn in a step: the whole, and random sub-networks."""
_SAVE_STEPS = 25


@dataclass(frozen=True, eq=False)
class Supernet:
    """A model whose sub-networks are parts of it (`mobilebert_parts.share`).

    Attributes:
        made_with: Plain values that its weights depend on.
    """

    model: PreTrainedModel
    made_with: Mapping[str, Any]


def supernet_recipe(spec: ModelSpec, steps: int, seed: int) -> HwaRecipe:
    """Return the recipe of a supernet: its model's, with more learning in each of fewer steps."""
    asked = {"steps": steps, "seed": seed, "warmup": round(steps / 25), "learning_rate": 5e-4}
    return recipe_for(spec, {**asked, "accumulation": PARTS})


def train_supernet(
    recipe: HwaRecipe,
    teacher: LoadedModel,
    start: LoadedModel,
    rows: Dataset,
    out: Path,
    *,
    tell: Callable[[Progress], None] = lambda progress: None,
) -> Supernet:
    """Train a supernet, or resume from the last checkpoint in `out`.

    The recipe's accumulation is `PARTS`, one network per batch. Its hardware, validations, adapters
    and input ranges are not used. `start` has the initial weights, which are not changed, nor are
    the teacher's. Embeddings are not trained. `rows` are SQuAD's training split.

    Raises:
        DataError: There are too few rows.
        UsageError: The checkpoints cannot be read or come from another recipe, model or other data;
            or a loss is not finite.
    """
    if recipe.accumulation != PARTS:
        raise ValueError(f"{PARTS} networks learn in a step, not {recipe.accumulation}")
    made_with = {
        **recipe.described(),
        "weights": start.weights_sha256,
        "teacher": teacher.weights_sha256,
        "data": content_hash(rows),
    }
    claim(out, made_with)
    model = copy.deepcopy(start.model)
    order_by_importance(model)
    learning = {
        name: parameter
        for name, parameter in model.named_parameters()
        if "embeddings.word" not in name and "embeddings.position" not in name
    }
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in learning.values():
        parameter.requires_grad_(True)
        parameter.grad = torch.zeros_like(parameter)
    optimiser = torch.optim.AdamW(
        learning.values(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    step, seconds = _restored(out, model, optimiser, learning)
    device = next(model.parameters()).device
    # Preparing the data takes a minute, which a finished supernet does not need.
    data = make_data(teacher, rows, recipe) if step < recipe.steps else None
    while data is not None and step < recipe.steps:
        began = time.process_time()
        with seeded(derive_seed(recipe.seed, "supernet", step), device), reproducible(device):
            loss = _gradients(recipe, teacher.model, model, data, step)
        if not math.isfinite(loss):
            raise UsageError(f"the supernet diverged at step {step + 1}; use a lower rate")
        optimiser.param_groups[0]["lr"] = recipe.rate(step) * recipe.learning_rate
        optimiser.step()
        optimiser.zero_grad(set_to_none=False)
        _clip(model, recipe.clip_sigma)
        step, seconds = step + 1, seconds + time.process_time() - began
        if step % _SAVE_STEPS == 0 or step == recipe.steps:
            _save(out, step, seconds, optimiser, learning)
        tell(Progress(step, recipe.steps, loss, None, (), None, math.nan, seconds))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return Supernet(model, made_with)


def networks_of_step(config: Any, seed: int, step: int) -> list[SubNetwork]:
    """Return the networks that learn in a step, which depend only on its number."""
    draw = np.random.default_rng(derive_seed(seed, "supernet's networks", step))
    return [whole(config), *(random_subnetwork(whole(config), draw) for _ in range(PARTS - 1))]


def _gradients(
    recipe: HwaRecipe, teacher: nn.Module, model: nn.Module, data: TrainingData, step: int
) -> float:
    noisy = partial(_noisy, std=recipe.modifier_std)
    device, losses = next(model.parameters()).device, []
    for number, part in enumerate(networks_of_step(model.config, recipe.seed, step)):
        batch = data.batch(step * PARTS + number, device)
        student = share(model, part, noisy)
        loss = distillation_loss(student, teacher, batch, recipe, part.stands_for)
        (loss / PARTS).backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
    return sum(losses) / PARTS


def _noisy(weight: Tensor, std: float) -> Tensor:
    """Return weights with noise relative to each output's largest, as on tiles."""
    return weight + std * weight.abs().amax(1, keepdim=True) * torch.randn_like(weight)


def _clip(model: nn.Module, sigma: float) -> None:
    with torch.no_grad():
        for layer in model.modules():
            if sigma and isinstance(layer, nn.Linear):
                most = sigma * float(layer.weight.std())
                layer.weight.clamp_(-most, most)


_MOMENTS = ("exp_avg", "exp_avg_sq")


def _save(
    out: Path,
    step: int,
    seconds: float,
    optimiser: torch.optim.Optimizer,
    learning: Mapping[str, nn.Parameter],
) -> None:
    tensors: dict[str, Tensor] = {}
    for name, parameter in learning.items():
        tensors[name] = parameter
        for moment in _MOMENTS:
            tensors[f"{moment}/{name}"] = optimiser.state[parameter][moment]
    checkpoint.save_step(out, step, Checkpoint(tensors, {"step": step, "seconds": seconds}))


def _restored(
    out: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    learning: Mapping[str, nn.Parameter],
) -> tuple[int, float]:
    """Resume from the last checkpoint, if there is any; return its step and seconds."""
    saved = checkpoint.last(out)
    if saved is None:
        return 0, 0.0
    step = int(saved.facts["step"])
    with torch.no_grad():
        for name, parameter in learning.items():
            parameter.copy_(saved.tensors[name])
            moments = {moment: saved.tensors[f"{moment}/{name}"] for moment in _MOMENTS}
            optimiser.state[parameter] = {"step": torch.tensor(float(step)), **moments}
    return step, float(saved.facts["seconds"])
