"""A GPU that is not there: tensors on `cuda` that have shapes and no values.

What would mix devices, or wait for a GPU to see a number, raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from analog_bench.analog import chip, random_draws, tile_effect, weight_noise
from analog_bench.simulators.registry import find_simulator

CUDA = torch.device("cuda", 0)


@contextmanager
def fake_gpu() -> Iterator[FakeTensorMode]:
    """Let everything that is made here be on a GPU that is not there.

    Its generators are not there either, and seeding is left out. So are fingerprints, which are
    numbers of a programmed chip and are waited for.
    """
    # Tried on numbers, of which there are none in here.
    find_simulator("torch").require()
    generator = torch.Generator()

    def patch(module: object, name: str, value: object) -> AbstractContextManager[object]:
        return mock.patch.object(module, name, return_value=value)

    with (
        patch(random_draws, "reseed", None),
        patch(tile_effect, "reseed", None),
        patch(random_draws, "isolated", nullcontext()),
        patch(chip, "isolated", nullcontext()),
        patch(tile_effect, "summaries", ()),
        patch(weight_noise, "summaries", ()),
        patch(torch, "Generator", generator),
        mock.patch("aihwkit.nn.AnalogLinear.to", _moved),
        FakeTensorMode(allow_non_fake_inputs=True) as there,
        torch.device(CUDA),
    ):
        yield there


def _moved(layer: nn.Module, device: torch.device) -> nn.Module:
    # aihwkit moves a tile with its parameters' data, which such tensors have none of.
    for tile in layer.analog_tiles():
        tile.device = torch.device(device)
        for name, tensor in tile.named_buffers(recurse=False):
            setattr(tile, name, tensor.to(device))
        for name, parameter in tile.named_parameters(recurse=False):
            if name != "analog_ctx" and parameter.device.type != "cuda":
                setattr(tile, name, nn.Parameter(parameter.to(device), parameter.requires_grad))
    return layer
