"""A chip: the digital model with some layers replaced or perturbed within a context.

    with install(model, layers=("encoder.layer.0.output.dense",), noise=Pcm(), chip=0,
                 seed=1234) as chip:
        chip.drift_to(86_400.0)
        with chip.reading(batch=3):
            out = model(...)

Every draw is seeded from (seed, noise family, chip, layer, purpose). A layer on a chip therefore
draws the same numbers whichever other layers are analog, whatever ran before, and however strong
the noise is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

# Imported to register their handlers.
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
        paired: Whether every draw derives from the seed, so that another release, noise strength or
            set of layers gets the same chip. False if the C++ tile, which seeds itself from the
            clock, draws at reads.
        fingerprint: `summaries` of the programmed weights and the drift exponents, layer by layer;
            empty if nothing is drawn once per chip.
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
        """Set the chip's age in seconds since programming; any number of times, in any order.

        Devices, drift exponents and faults stay the same; the accumulated noise is that of the
        given time. Until the first call the chip is as it was right after programming. Time 0 is
        aihwkit's: programming noise and read noise, no drift.

        Raises:
            UsageError: The noise has no model for this time.
        """
        check_drift(self._noise, seconds)
        for effect in self._effects:
            effect.drift_to(seconds)

    @contextmanager
    def reading(self, batch: int, attention_mask: Tensor | None = None) -> Iterator[None]:
        """Read one batch: run the forward pass inside this context.

        The draws depend on the batch's index, not on earlier reads. Torch's global generators are
        restored on exit. With an attention mask (1 where there is a token, shape (inputs, tokens)),
        padding does not count in the RMS of `white_output_rel`. Position embeddings, which models
        compute once per batch, then draw white output noise for every input.
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
    """Program a chip into a model, and restore the model exactly on exit.

    Args:
        model: The digital model in eval mode, prepared with `prepare` if it is a GPT-2.
        layers: Public names or module paths of the layers to perturb or put on tiles.
        noise: The noise.
        chip: The chip's index.
        seed: The run's seed.
        simulator: The simulator for a noise that acts on tiles, such as `find_simulator("torch")`
            of `analog_bench.simulators.registry`.
        hardware: `ideal`, or the preset to which the noise is added.
        input_ranges: By layer, for presets with static input ranges: one for all its tiles
            (`observe_input_ranges`), or one for each (`LoadedModel.input_ranges`).
        severities: By layer, for `EqualError` (`solve_severity`).

    Raises:
        UsageError: A layer does not exist, cannot carry the noise, or has another number of tiles
            than input ranges; or the simulator lacks the noise or hardware.
        TileUnavailable: The simulator does not work here.
        ValueError: There are no layers, or one is given twice; or a noise lacks its simulator,
            input range or severity.
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

    It is the family itself under its own name, so the same chip draws the same numbers as there.
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
