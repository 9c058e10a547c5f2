"""Low-rank adapters in PEFT's file format, merged into the weights they were trained on.

A layer's merged weight is W + (alpha / r) · B · A (Hu et al., ICLR 2022), with W of shape
(outputs, inputs), A (r, inputs) and B (outputs, r).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, cast

import torch
from msgspec import Meta, Struct
from torch import Tensor

from analog_bench.codec import DocumentError, Json, convert
from analog_bench.errors import WeightsError

_Name: TypeAlias = Annotated[str, Meta(min_length=1)]

PREFIX = "base_model.model."
"""PEFT's prefix of parameter names."""

# Options that do not affect a merge. Every other one must be unset: PEFT has many variants of
# adapters, and merging one by the wrong formula would go unnoticed.
_HARMLESS = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "inference_mode",
        "init_lora_weights",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
        "task_type",
    }
)


class LoraConfig(
    Struct,
    frozen=True,
    rename={"rank": "r", "alpha": "lora_alpha", "targets": "target_modules"},
):
    """The parts of an adapter's configuration that a merge needs: r, alpha and module names.

    Names may be the last parts of full names. Modules in `targets` are adapted; the weights of
    those in `modules_to_save` are stored whole.
    """

    peft_type: Literal["LORA"]
    rank: Annotated[int, Meta(ge=1)]
    alpha: Annotated[float, Meta(gt=0)]
    targets: Annotated[tuple[_Name, ...], Meta(min_length=1)]
    modules_to_save: tuple[_Name, ...] | None = None
    bias: Literal["none"] = "none"

    @property
    def scale(self) -> float:
        """The factor of B · A: alpha / r."""
        return self.alpha / self.rank

    @property
    def saved(self) -> tuple[str, ...]:
        """Modules whose weights are stored whole."""
        return self.modules_to_save or ()


def read_lora_config(node: Json, origin: str) -> LoraConfig:
    """Read PEFT's `adapter_config.json`.

    Raises:
        WeightsError: It is not a plain LoRA configuration.
    """
    try:
        config = convert(node, LoraConfig)
    except DocumentError as problem:
        raise WeightsError(f"{origin}: {problem}") from None
    understood = {*LoraConfig.__struct_encode_fields__, *_HARMLESS}
    options = cast("dict[str, Json]", node)
    for option in options.keys() - understood:
        if options[option]:
            raise WeightsError(f"{origin}: {option} = {options[option]!r} is not supported")
    # Some initialisations of an adapter also change the weights under it.
    start = options.get("init_lora_weights", True)
    if start not in (True, False, "gaussian"):
        raise WeightsError(f"{origin}: init_lora_weights = {start!r} is not supported")
    return config


def merge_lora(
    base: Mapping[str, Tensor], adapter: Mapping[str, Tensor], config: LoraConfig
) -> dict[str, Tensor]:
    """Merge an adapter's tensors into a copy of the weights it was trained on, float32.

    The product is formed in float64 and rounded once, so the float32 weights do not depend on the
    number of threads or the matrix library. Modules stored whole, such as a new head, may be
    missing from the base.

    Raises:
        WeightsError: A tensor is missing, unknown, of the wrong shape or not finite.
    """
    left = dict(adapter)
    merged = dict(base)
    for name in sorted(base):
        module = name.removesuffix(".weight")
        if module == name or base[name].dim() != 2 or not _named_by(module, config.targets):
            continue
        if _named_by(module, config.saved):
            continue
        outputs, inputs = base[name].shape
        a = _take(left, f"{PREFIX}{module}.lora_A.weight", (config.rank, inputs))
        b = _take(left, f"{PREFIX}{module}.lora_B.weight", (outputs, config.rank))
        product = config.scale * (b.double() @ a.double())
        merged[name] = (base[name].double() + product).float()
    if len(left) == len(adapter):
        names = ", ".join(sorted(config.targets))
        raise WeightsError(f"the adapter's target_modules ({names}) name no module of the base")
    for key in sorted(left):
        name = key.removeprefix(PREFIX)
        module = name.rpartition(".")[0]
        if name == key or not _named_by(module, config.saved):
            raise WeightsError(f"the adapter holds an unknown tensor {key}")
        shape = tuple(base[name].shape) if name in base else tuple(left[key].shape)
        merged[name] = _take(left, key, shape).float()
    for module in config.saved:
        if not any(
            _named_by(key.removeprefix(PREFIX).rpartition(".")[0], (module,)) for key in adapter
        ):
            raise WeightsError(f"the adapter lacks the saved module {module}")
    return merged


def _take(left: dict[str, Tensor], key: str, shape: tuple[int, ...]) -> Tensor:
    if key not in left:
        raise WeightsError(f"the adapter lacks the tensor {key}")
    tensor = left.pop(key)
    if tuple(tensor.shape) != shape:
        raise WeightsError(
            f"the adapter's {key} must have the shape {shape}, found {tuple(tensor.shape)}"
        )
    if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"the adapter's {key} holds values that are not finite numbers")
    return tensor


def _named_by(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.endswith(f".{name}") for name in names)
