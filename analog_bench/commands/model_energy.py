"""`analog-bench energy`: what a model costs on analog hardware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analog_bench.commands.options import (
    LOCK_FILE,
    JsonOption,
    LockOption,
    ModelArgument,
    ZooOption,
    new_app,
    refuse_together,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import origin_label, print_blocks, print_json
from analog_bench.errors import UsageError
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_shape import USUAL_TOKENS
from analog_bench.zoo.own_folder import find_or_read

app = new_app()


@app.command(
    epilog=show_examples(
        "energy bert",
        "energy distilgpt2 --layers blocks --scenario hermes-1phase --all-layers",
        "energy mobilebert --scenario components --hardware StandardHWATrainingTorch",
    )
)
def energy(
    model: ModelArgument,
    scenario: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="hardware to estimate for, repeatable (default: all)"),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYERS",
            help="what is on tiles: all (the default), blocks, or a shell-style pattern of layer "
            "names, repeatable",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="plan of `analog-bench plan`, in place of --layers; its digital layers are in "
            "FP16",
        ),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET",
            help="size and converters of the scenario `components`: a preset of aihwkit, or "
            "FILE.py:FUNCTION for one of your own",
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        whole_number(
            f"tokens of an inference (default: {USUAL_TOKENS}, or all that the model takes)"
        ),
    ] = None,
    tokens_per_fetch: Annotated[
        int | None,
        whole_number(
            "tokens that what is digital computes with each weight it fetches (default: all of an "
            "inference; 1 for a model that writes)"
        ),
    ] = None,
    replicas: Annotated[int, whole_number("copies of each layer that share its tokens")] = 1,
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="show every layer, not like ones together")
    ] = False,
    zoo: ZooOption = "embedded",
    lock: LockOption = LOCK_FILE,
    as_json: JsonOption = False,
) -> None:
    """Estimate energy and latency of a model, beside a digital machine's.

    Weights are not read, and a folder with a config.json is enough.
    """
    from analog_bench.planning.plan_record import layers_of, read_plan
    from analog_bench.planning.scenarios import DEFAULT_SCENARIO, find_scenarios
    from analog_bench.session.case_grid import pick_products
    from analog_bench.session.plan_cases import products_of

    refuse_together(layers=layers, plan=plan)
    scenarios = find_scenarios(scenario or ())
    spec = find_or_read(model, zoo, read_lock(lock), weights=False)
    in_fp16: tuple[str, ...] = ()
    if plan is None:
        analog = pick_products(spec.name, spec.layers, layers or ("all",))
    else:
        assignment = read_plan(plan).assignment(products_of(spec.layers), plan)
        analog, in_fp16 = layers_of(assignment, "analog"), layers_of(assignment, "digital")
    most = spec.structure.positions
    if tokens is not None and tokens > most:
        raise UsageError(f"--tokens is {tokens}, and {spec.name} takes {most} at most")
    if hardware is not None:
        from analog_bench.session.own_hardware import with_periphery

        scenarios = with_periphery(scenarios, hardware)
    # Only now, since importing them takes seconds: what is wrong above is told before that.
    from analog_bench.planning.energy import model_energy
    from analog_bench.planning.shape_tracing import trace
    from analog_bench.report.energy_table import energy_as_plain, energy_tables
    from analog_bench.report.table import Heading
    from analog_bench.zoo.model_loading import read_outline

    shape = trace(read_outline(spec, lock_path=lock), tokens or min(USUAL_TOKENS, most))
    found = [
        model_energy(
            shape,
            one,
            analog,
            per_fetch=tokens_per_fetch,
            replicas=replicas,
            in_fp16=in_fp16,
        )
        for one in scenarios
    ]
    if as_json:
        print_json(
            {
                "model": spec.name,
                "zoo": spec.source,
                "tokens": shape.tokens,
                "tokens_per_fetch": tokens_per_fetch or shape.tokens,
                "replicas": replicas,
                "macs": shape.macs,
                "attention_macs": shape.attention_macs,
                "on_tiles": list(analog),
                "in_fp16": list(in_fp16),
                "scenarios": [energy_as_plain(one) for one in found],
            }
        )
        return
    usual = [one for one in found if one.scenario.name == DEFAULT_SCENARIO]
    heading = f"{origin_label(spec.name, spec.source)}, {shape.tokens} tokens an inference"
    tables = energy_tables(found, found if scenario else usual, all_layers=all_layers)
    print_blocks((Heading(heading), *tables))
