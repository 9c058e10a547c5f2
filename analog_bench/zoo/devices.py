"""The devices that torch computes on, and their precisions. Reading a name imports no torch."""

from __future__ import annotations

import re

from analog_bench.errors import UsageError
from analog_bench.records import Precision
from analog_bench.value_checks import shown

CPU, CUDA = "cpu", "cuda"
"""Types of devices on which models, noises and tiles are known to work."""
_NAMES = re.compile(rf"({CPU}|{CUDA})|{CUDA}:(0|[1-9][0-9]{{0,3}})")


def device_type(name: str) -> str:
    """Return `cpu` or `cuda`, the type of the device with this name.

    Raises:
        UsageError: The name is of neither type.
    """
    if not _NAMES.fullmatch(name):
        raise UsageError(f"--device must be cpu, cuda or cuda:N, found {shown(name)}")
    return name.partition(":")[0]


def check_device(name: str, gpus: int) -> None:
    """Check that a device exists on a machine where torch sees `gpus` GPUs.

    Raises:
        UsageError: It does not exist, or `device_type` rejects the name.
    """
    if device_type(name) == CPU:
        return
    if not gpus:
        raise UsageError(
            f"--device {name}: torch sees no GPU here; `analog-bench doctor` shows what there is"
        )
    number = int(name.partition(":")[2] or 0)
    if number >= gpus:
        there = "cuda:0 alone" if gpus == 1 else f"cuda:0 to cuda:{gpus - 1}"
        raise UsageError(f"--device {name} is not there; torch sees {there}")


def check_precision(precision: Precision, device: str) -> None:
    """Check that a device supports a precision.

    Raises:
        UsageError: It is TF32 on a CPU, or `device_type` rejects the device's name.
    """
    on_cpu = device_type(device) == CPU
    if precision == "tf32" and on_cpu:
        raise UsageError(
            "--precision tf32 is a mode of NVIDIA's GPUs; with --device cpu use float32 or bfloat16"
        )
