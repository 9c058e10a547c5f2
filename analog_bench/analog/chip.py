"""A chip: the digital model with some layers replaced or perturbed while a context lasts.

    with install(model, layers=("encoder.layer.0.output.dense",), noise=Pcm(), chip=0,
                 seed=1234) as chip:
        chip.drift_to(86_400.0)
        with chip.reading(batch=3):
            out = model(...)

Every draw is seeded from (seed, noise family, chip, layer, purpose): the same layer on the same
chip draws the same no matter which other layers are analog, what ran before, and how strong the
noise is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

# Imported for what they register.
from analog_bench.analog import digital_integers as _digital_integers  # noqa: F401
from analog_bench.analog import output_noise as _output_noise  # noqa: F401
from analog_bench.analog import weight_noise as _weight_noise  # noqa: F401
from analog_bench.analog.compatibility import check_drift
from analog_bench.analog.layer_manifest import paths_on_tiles
from analog_bench.analog.layers import Place, find, shared_weights
from analog_bench.analog.noise_effects import Effect, Site, effect_of
from analog_bench.analog.random_draws import isolated
from analog_bench.analog.tile_effect import TileEffect
from analog_bench.analog.tile_protocol import InputRange, TileSimulator
from analog_bench.errors import UsageError
from analog_bench.noise import EqualError, Noise

V = TypeVar("V")


class Chip:
    """A programmed chip in a model. Made by `install`.

    Attributes:
        paired: Whether every draw derives from the seed, so that another release, another noise
            strength or another set of layers meets the same chip. False where the C++ tile, which
            seeds itself from the clock, draws at reads.
        fingerprint: `summaries` of what programming drew, layer by layer: of the programmed weights
            and the drift exponents; empty where nothing is drawn once a chip.
        solved: Layer name to the noise in that layer, at the severity solved for (`EqualError`).
    """

    def __init__(
        self,
        noise: Noise,
        effects: Sequence[Effect],
        device: torch.device,
        solved: Mapping[str, Noise] | None = None,
    ) -> None:
        self._noise = noise
        self.solved = dict(solved or {})
        self._effects = tuple(effects)
        self._device = device
        self.paired = all(effect.paired for effect in effects)
        self.fingerprint = tuple(x for effect in effects for x in effect.fingerprint)

    def drift_to(self, seconds: float) -> None:
        """Set the chip's age in seconds since programming, as often and in any order.

        Devices, drift exponents and faults stay; the accumulated noise is that of the time. Until
        the first call the chip is as it was right after programming. Time 0 is aihwkit's:
        programming noise and read noise, no drift. A time that the noise has no model for is a
        `UsageError`.
        """
        check_drift(self._noise, seconds)
        for effect in self._effects:
            effect.drift_to(seconds)

    @contextmanager
    def reading(self, batch: int, attention_mask: Tensor | None = None) -> Iterator[None]:
        """Read one batch: the forward pass belongs inside.

        The draws depend on the batch's index, not on what was read before. Torch's global
        generators come back as they were. With an attention mask (1 where a token is, shape
        (inputs, tokens)), padding does not count in the RMS of `white_output_rel`, and position
        embeddings, which models compute once a batch, draw white output noise for every input.
        """
        with isolated(self._device), ExitStack() as stack:
            for effect in self._effects:
                stack.enter_context(effect.reading(batch, attention_mask))
            yield


@contextmanager
def install(
    model: nn.Module,
    *,
    layers: Sequence[str],
    noise: Noise,
    chip: int,
    seed: int,
    simulator: TileSimulator | None = None,
    hardware: str = "ideal",
    input_ranges: Mapping[str, InputRange] | None = None,
    severities: Mapping[str, float] | None = None,
) -> Iterator[Chip]:
    """Program a chip into a model, and restore the model exactly on leaving.

    The model is digital, in eval mode; GPT-2 after `prepare`. Layers, by public name or module
    path, are perturbed, or put on tiles by the simulator where the noise acts there:
    `find_simulator("torch")` of `analog_bench.simulators.registry`. Hardware is `ideal`, or the
    preset that the noise is put on top of. Presets that have static input ranges need them by
    layer: one for all its tiles (`observe_input_ranges`), or one for each
    (`LoadedModel.input_ranges`). `EqualError` needs severities by layer (`solve_severity`).
    `chip` is the chip's index, `seed` the run's one seed.

    Raises:
        UsageError: A layer that does not exist or cannot carry the noise, or that has another
            number of tiles than input ranges; a noise or hardware that the simulator lacks.
        TileUnavailable: The simulator does not work here.
        ValueError: No layers, one twice, no simulator for a noise that acts on tiles, no input
            range for a preset that needs it, or no severity for a noise that needs it.
    """
    targets = find(model, layers)
    _check_layers(model, targets, noise)
    if noise.WHERE == "tile" and simulator is not None:
        simulator.require(str(next(model.parameters()).device))
    ranges = _by_path(model, input_ranges or {})
    solved = _solved(model, targets, noise, severities or {})
    before = paths_on_tiles(model)
    with ExitStack() as stack:
        effects = []
        for place in targets:
            acting = solved.get(place.name, noise)
            site = Site(
                model=model,
                place=place,
                family=acting.NAME,
                chip=chip,
                suite_seed=seed,
                simulator=simulator,
                hardware=hardware,
                input_range=ranges.get(place.path),
            )
            make = TileEffect if acting.WHERE == "tile" else effect_of
            effect = make(acting, site)
            stack.enter_context(effect.attached())
            effects.append(effect)
        wanted, on_tiles = before | {place.path for place in targets}, paths_on_tiles(model)
        if noise.WHERE == "tile" and on_tiles != wanted:
            raise RuntimeError(f"asked for {sorted(wanted)} on tiles, found {sorted(on_tiles)}")
        yield Chip(noise, effects, next(model.parameters()).device, solved)


def _solved(
    model: nn.Module, targets: Sequence[Place], noise: Noise, severities: Mapping[str, float]
) -> dict[str, Noise]:
    """Return the noise in each layer at its solved severity, by layer name.

    It is the family itself, under its own name: the same chip draws what it draws there.
    """
    if not isinstance(noise, EqualError):
        return {}
    severity_of = _by_path(model, severities)
    for place in targets:
        if place.path not in severity_of:
            raise ValueError(
                f"{noise} needs a severity for {place.name}: solve_severity(...) first and pass it"
            )
    return {place.name: noise.at(severity_of[place.path]) for place in targets}


def _check_layers(model: nn.Module, targets: Sequence[Place], noise: Noise) -> None:
    if not targets:
        raise ValueError("a chip needs at least one layer")
    if len({place.path for place in targets}) < len(targets):
        raise ValueError("a layer stands twice in the list of layers")
    if noise.WHERE != "tile":
        return
    shared = shared_weights(model)
    for place in targets:
        if place.kind != "matmul":
            raise UsageError(
                f"{noise.NAME} needs tiles, and {place.name} is a {type(place.module).__name__}; "
                "only matrix multiplications go on tiles"
            )
        if type(place.module) is not nn.Linear or id(place.module.weight) in shared:
            raise UsageError(
                f"{place.name} cannot go on tiles as it is (a {type(place.module).__name__}, or "
                "tied to another layer); prepare(model) makes it fit"
            )


def _by_path(model: nn.Module, given: Mapping[str, V]) -> dict[str, V]:
    return {
        place.path: value for place, value in zip(find(model, given), given.values(), strict=True)
    }
