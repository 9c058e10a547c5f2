"""A layer on tiles: built, programmed once, drifted, and read with seeded draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from analog_bench.analog.compatibility import needs_input_ranges, preset_name
from analog_bench.analog.noise_effects import Effect, Site
from analog_bench.analog.random_draws import reseed, seeded, summaries
from analog_bench.case import spelt_seconds
from analog_bench.noise import Noise
from analog_bench.zoo.adapter import move_adapter
from analog_bench.zoo.layer_names import hooked


class TileEffect(Effect):
    """One layer on tiles.

    The tiles are programmed from the digital weights at construction, with torch's generators
    seeded for (family, chip, layer). Every `drift_to` starts from the same programmed weights.
    Reads are seeded per batch; a simulator that draws them elsewhere (`TileSimulator.seeded`)
    cannot be paired.
    """

    def __init__(self, noise: Noise, site: Site) -> None:
        """Build and program the layer; the model is not changed.

        Raises:
            TypeError: The layer is not an `nn.Linear`.
            ValueError: There is no simulator, or the hardware has static input ranges and none was
                observed.
            UsageError: See `TileSimulator.build`.
        """
        place, simulator = site.place, site.simulator
        if simulator is None:
            raise ValueError(f"{noise.NAME} acts on tiles: install(..., simulator=...) with one")
        if not isinstance(place.module, nn.Linear):
            raise TypeError(f"{place.name} is a {type(place.module).__name__}, not an nn.Linear")
        if needs_input_ranges(noise, site.hardware, simulator) and site.input_range is None:
            raise ValueError(
                f"{preset_name(noise, site.hardware)} has static input ranges: "
                f"observe_input_ranges(...) first and pass one for {place.name}"
            )
        self._site = site
        self._digital = place.module
        self._seen = self._digital.weight._version
        self._batch: int | None = None
        self._calls = 0
        with _writing(site.seed("program"), site.device):
            self._tiles = simulator.build(self._digital, noise, site.hardware, site.input_range)
            move_adapter(self._digital, self._tiles.module)
            # Building may draw any number of random numbers.
            reseed(site.seed("program"), site.device)
            drawn = self._tiles.program()
        self.fingerprint = tuple(figure for tensor in drawn for figure in summaries(tensor))
        self.paired = simulator.seeded or not self._tiles.draws_at_read

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Replace the digital layer by the analog one, and put the digital one back on exit."""
        site, analog = self._site, self._tiles.module
        drawing = {site.place.name: analog} if self._tiles.draws_at_read else {}
        try:
            with hooked(drawing, before=self._reseed):
                site.model.set_submodule(site.place.path, analog)
                yield
        finally:
            site.model.set_submodule(site.place.path, self._digital)
            self._tiles.release()

    def drift_to(self, seconds: float) -> None:
        """Age the chip.

        Raises:
            RuntimeError: The digital weights have changed since programming.
        """
        if self._digital.weight._version != self._seen:
            raise RuntimeError(
                f"the weights of {self._site.place.name} changed after the chip was programmed; "
                "install a new chip"
            )
        with _writing(self._site.seed(f"drift:{spelt_seconds(seconds)}"), self._site.device):
            self._tiles.drift(seconds)

    @contextmanager
    def reading(self, batch: int, attention_mask: Tensor | None) -> Iterator[None]:
        """Set the batch that is read."""
        self._batch, self._calls = batch, 0
        try:
            yield
        finally:
            self._batch = None

    def _reseed(self, *_: object) -> None:
        if self._batch is None:
            raise self._site.not_read()
        purpose = f"read:{self._batch}" + (f":{self._calls}" if self._calls else "")
        self._calls += 1
        reseed(self._site.seed(purpose), self._site.device)


@contextmanager
def _writing(seed: int, device: torch.device) -> Iterator[None]:
    """Change tiles with seeded draws, outside inference mode: any torch mode can read them."""
    with seeded(seed, device), torch.inference_mode(False), torch.no_grad():
        yield
