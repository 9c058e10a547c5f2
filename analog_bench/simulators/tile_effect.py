"""A layer on aihwkit tiles: built, programmed once, drifted, and read with seeded draws."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from analog_bench.analog.draws import reseed, seeded, summaries
from analog_bench.analog.effect import Site
from analog_bench.analog.layers import parent_of
from analog_bench.case import spelt_seconds
from analog_bench.simulators import aihwkit as kit
from analog_bench.zoo.adapter import move_adapter


class TileEffect:
    """One layer on tiles.

    The tiles are programmed from the digital weights at construction, with torch's generators
    seeded for (family, chip, layer), and drift from there: a second `drift_to` starts from the
    same programmed weights. The torch tile draws its reads from torch too, so they are seeded a
    batch. The C++ tile seeds its reads from the clock: `paired` then is False.
    """

    def __init__(self, site: Site, config: Any) -> None:
        """Build and program the layer; the model is left alone.

        Raises:
            TypeError: The layer is no `nn.Linear`.
            ValueError: The configuration has static input ranges and none was observed.
        """
        place = site.place
        if not isinstance(place.module, nn.Linear):
            raise TypeError(f"{place.name} is a {type(place.module).__name__}, not an nn.Linear")
        if kit.has_input_range(config) and site.input_range is None:
            raise ValueError(
                f"{site.hardware} has static input ranges: observe_input_ranges(...) first and "
                f"pass one for {place.name}"
            )
        self._site = site
        self._digital = place.module
        self._seen = self._digital.weight._version
        self._draws_at_read = kit.reads_randomly(config)
        self._batch: int | None = None
        self._calls = 0
        self._handle: RemovableHandle | None = None
        with _writing(site.seed("program"), site.device):
            self._layer = kit.build(self._digital, config, site.input_range)
            move_adapter(self._digital, self._layer)
            # Building draws numbers whose count is aihwkit's affair; programming must not see it.
            reseed(site.seed("program"), site.device)
            self._layer.program_analog_weights()
        self.fingerprint: tuple[float, ...] = ()
        if kit.draws_once(config):
            for drawn in kit.programmed(self._layer):
                self.fingerprint += summaries(drawn)
        self.paired = kit.tile_of(config) == "torch" or not self._draws_at_read

    def attach(self) -> None:
        """Put the analog layer where the digital one was."""
        if self._draws_at_read:
            self._handle = self._layer.register_forward_pre_hook(self._reseed)
        self._put(self._layer)

    def detach(self) -> None:
        """Put the digital layer back, for good."""
        self._put(self._digital)
        if self._handle is not None:
            self._handle.remove()
        kit.release(self._layer)

    def drift_to(self, seconds: float) -> None:
        """Let this much time pass since programming.

        Raises:
            RuntimeError: The digital weights have changed since: the chip holds the old ones.
        """
        if self._digital.weight._version != self._seen:
            raise RuntimeError(
                f"the weights of {self._site.place.name} changed after the chip was programmed; "
                "install a new chip"
            )
        seed = self._site.seed(f"drift:{spelt_seconds(seconds)}")
        with _writing(seed, self._site.device):
            self._layer.drift_analog_weights(seconds)

    def begin_reading(self, batch: int, attention_mask: Tensor | None) -> None:
        """Say which batch is read."""
        self._batch, self._calls = batch, 0

    def end_reading(self) -> None:
        """Forget the batch."""
        self._batch = None

    def _put(self, layer: nn.Module) -> None:
        parent, child = parent_of(self._site.model, self._site.place.path)
        setattr(parent, child, layer)

    def _reseed(self, _module: object, _inputs: object) -> None:
        if self._batch is None:
            raise RuntimeError(
                f"{self._site.place.name} was computed outside of chip.reading(batch=...)"
            )
        purpose = f"read:{self._batch}" + (f":{self._calls}" if self._calls else "")
        self._calls += 1
        reseed(self._site.seed(purpose), self._site.device)


@contextmanager
def _writing(seed: int, device: torch.device) -> Iterator[None]:
    """Change tiles: with seeded draws, and so that any mode of torch can read them afterwards.

    Keeps back two warnings that aihwkit 1.1's noise models give about their own code, row by row,
    of changes to come in torch and numpy; the tests against published formulas would notice them.
    """
    with (
        seeded(seed, device),
        torch.inference_mode(False),
        torch.no_grad(),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Using a non-tuple sequence")
        warnings.filterwarnings("ignore", "__array_wrap__ must accept")
        yield
