"""Hardware added to the listed presets: a user's own, and other presets of aihwkit."""

from __future__ import annotations

from typing import Any

from analog_bench.errors import UsageError
from analog_bench.simulators.aihwkit_engines import CPP_TILE, TORCH_TILE


def add_hardware(name: str, config: Any, *, fingerprint: bool) -> str:
    """Offer an aihwkit configuration as hardware, on the engine that its class requires.

    Returns:
        The name of the hardware, followed by the fingerprint of its content if `fingerprint`.

    Raises:
        UsageError: It is not a configuration of inference tiles, or cannot be used here.
    """
    import analog_bench.simulators.aihwkit as kit

    problem = kit.unfit(config)
    if problem:
        raise UsageError(f"hardware {name} {problem}")
    name = f"{name}-{kit.content_fingerprint(config)}" if fingerprint else name
    engine = TORCH_TILE if kit.tile_of(config) == TORCH_TILE.name else CPP_TILE
    kit.ADDED[name] = config
    engine.terms[name] = kit.terms_of(config)
    engine.presets[name] = "input_range" in engine.terms[name]
    return name


def add_preset(name: str) -> None:
    """Offer an unlisted preset of the installed aihwkit; do nothing if it has no such preset.

    Raises:
        UsageError: The preset is for training on devices.
    """
    if any(engine.status.usable for engine in (TORCH_TILE, CPP_TILE)):
        import analog_bench.simulators.aihwkit as kit

        config = kit.any_preset(name)
        if config is not None:
            add_hardware(name, config, fingerprint=False)
