"""`analog-bench zoo coverage`: how much of a model's matrix multiplication can be on tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from analog_bench.commands.options import (
    LOCK_FILE,
    JsonOption,
    LockOption,
    ZooOption,
    new_app,
    show_examples,
)
from analog_bench.commands.output import Line, print_json, print_sheet
from analog_bench.commands.zoo import print_nothing_locked
from analog_bench.spelling import counted
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_specs import ModelSpec, available
from analog_bench.zoo.own_folder import find_or_read

_GROUPS = ("all", "blocks")
_TOKENS = 256

app = new_app()


@app.command(
    epilog=show_examples(
        "zoo coverage", "zoo coverage distilgpt2", "zoo coverage distilbert/distilgpt2 --zoo hub"
    )
)
def coverage(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="names, folders, or locked hub ids (default: all)"),
    ] = None,
    zoo: ZooOption = "embedded",
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """Put models on tiles, and count how much of their matrix multiplication is there."""
    pinned = read_lock(lock)
    specs = [find_or_read(model, zoo, pinned) for model in models or ()] or available(zoo, pinned)
    if not specs:
        print_nothing_locked(pinned)
        return
    facts = [_measure(spec, lock) for spec in specs]
    if as_json:
        print_json(facts)
    else:
        print_sheet({f"{own['name']} ({own['zoo']})": _lines(own) for own in facts})


def _measure(spec: ModelSpec, lock_path: Path) -> dict[str, Any]:
    # Only now, since importing them takes seconds: a wrong name is told before that.
    from analog_bench.analog.chip import install
    from analog_bench.analog.layer_manifest import coverage, manifest, prepare
    from analog_bench.noise import Ideal
    from analog_bench.planning.shape_tracing import trace
    from analog_bench.simulators.registry import DEFAULT_TILE, find_simulator
    from analog_bench.zoo.model_loading import load, read_outline

    model = load(spec, lock_path=lock_path).model
    parameters = sum(parameter.numel() for parameter in model.parameters())
    prepare(model)
    layers = manifest(model)
    tokens = min(_TOKENS, spec.structure.positions)
    attention_macs = trace(read_outline(spec, lock_path=lock_path), tokens).attention_macs // tokens
    products = [layer for layer in layers if layer.kind == "matmul"]
    facts: dict[str, Any] = {
        "name": spec.name,
        "zoo": spec.source,
        "parameters": parameters,
        "matmul_layers": len(products),
        "matmul_weights": sum(layer.weights for layer in products),
        "attention_macs": attention_macs,
        "attention_tokens": tokens,
    }
    simulator = find_simulator(DEFAULT_TILE)
    for group in _GROUPS:
        names = [x.name for x in products if group == "all" or x.block is not None]
        with install(model, layers=names, noise=Ideal(), chip=0, seed=0, simulator=simulator):
            covered = coverage(model, layers)
            blocks = coverage(model, [layer for layer in layers if layer.block is not None])
        facts[group] = {
            "weights": covered.weights,
            "macs": covered.macs,
            "weights_of_blocks": blocks.weights,
            "digital": list(covered.digital),
        }
    return facts


def _lines(facts: dict[str, Any]) -> list[Line]:
    products = f"{counted(facts['matmul_layers'], 'layer')}, {facts['matmul_weights']:,} weights"
    lines = [
        Line("parameters", f"{facts['parameters']:,}"),
        Line("matrix multiplications", products),
    ]
    for group in _GROUPS:
        own = facts[group]
        rest = f"; digital: {', '.join(own['digital'])}" if own["digital"] else ""
        covered = (
            f"{own['weights']:.2%} of the weights, {own['macs']:.2%} of the "
            f"multiply-accumulates, {own['weights_of_blocks']:.2%} of the blocks{rest}"
        )
        lines.append(Line(f"{group} on tiles", covered))
    attention = facts["attention_macs"]
    share = attention / (attention + facts["matmul_weights"])
    uncounted = (
        f"products of tokens with each other in attention, which have no weights: {share:.1%} "
        f"of all multiply-accumulates at {facts['attention_tokens']} tokens, always digital"
    )
    return [*lines, Line("not counted", uncounted)]
