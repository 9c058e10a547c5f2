"""Hardware-aware training: from a digital model to weights that bear the noise of analog chips."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

from torch import nn

from analog_bench.errors import UsageError
from analog_bench.hwa import checkpoint
from analog_bench.hwa.course import BEST as BEST
from analog_bench.hwa.course import Course
from analog_bench.hwa.data import TrainingData
from analog_bench.hwa.learner import learning
from analog_bench.hwa.outcome import Outcome as Outcome
from analog_bench.hwa.outcome import Progress as Progress
from analog_bench.hwa.recipe import HwaRecipe
from analog_bench.simulators.probe import require_tile
from analog_bench.zoo.load import LoadedModel


def train(
    recipe: HwaRecipe,
    loaded: LoadedModel,
    data: TrainingData,
    out: Path,
    *,
    tell: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[Progress], bool] = lambda progress: False,
    finish: bool = False,
    save_steps: int = 50,
) -> Outcome:
    """Train, or go on from the last checkpoint in `out`.

    Going on gives the numbers that an uninterrupted training would have given, on the same machine
    with as many threads. The C++ tile is the exception: it draws from generators of its own.

    Args:
        recipe: The hyperparameters.
        loaded: The digital model, prepared (`analog.manifest.prepare`). It is the teacher and is
            left as it is.
        data: What to learn from, of `data.make_data` with the same recipe.
        out: Where checkpoints are kept, with `recipe.json`.
        tell: Called before the first step and after every step.
        stop: Called after every validation; True ends the training there.
        finish: Whether to make no further steps: return the best of what the folder holds.
        save_steps: Steps between checkpoints.

    Returns:
        What validated best, and how it compares.

    Raises:
        TileUnavailable: The recipe's tile engine does not work here.
        UsageError: Checkpoints of another recipe, model or other data, that cannot be read, or none
            to finish.
    """
    require_tile(recipe.tile)
    made_with = {**recipe.described(), "weights": loaded.weights_sha256, "data": data.fingerprint}
    checkpoint.claim(out, made_with)
    found = checkpoint.last(out)
    if finish and found is None:
        raise UsageError(f"{out} holds no checkpoint to finish from; train first")
    model = copy.deepcopy(loaded.model)
    nn.Module.eval(model)
    course = Course(recipe, loaded, data, out, model, tell)
    if found is None:
        course.begin()
    with learning(recipe, model, course.layers, course.first_ranges(found)) as learner:
        if found is None:
            course.keep_start(learner)
        else:
            course.go_on(learner, found)
        if not finish:
            course.run(learner, stop, save_steps)
    return course.outcome()
