"""`analog-bench plan`: which layers may go analog, at the least energy for so much loss."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from analog_bench.codec import write_record
from analog_bench.commands.options import (
    LOCK_FILE,
    USUAL_HARDWARE,
    DeviceOption,
    HardwareOption,
    JsonOption,
    LockOption,
    ModelArgument,
    ThreadsOption,
    TileName,
    ZooOption,
    amount,
    find_model,
    new_app,
    show_examples,
    use_threads,
    whole_number,
)
from analog_bench.commands.output import print_blocks, print_json, show_progress
from analog_bench.errors import UsageError
from analog_bench.gate.max_drop import parse_requirement
from analog_bench.planning.plan_record import HOWS
from analog_bench.planning.scenarios import DEFAULT_SCENARIO, find_scenarios
from analog_bench.session.settings import Settings
from analog_bench.study import MOST_CHIPS, Budget, Choice
from analog_bench.tasks.data_folder import data_folder
from analog_bench.tasks.task_kinds import METRICS
from analog_bench.zoo.model_shape import USUAL_TOKENS

_DAY_S = 86_400.0
_FEWEST_HELD_OUT = 5
_EXAMPLES = {"lm": 12}
_USUAL_EXAMPLES = 48
app = new_app()


@app.command(
    epilog=show_examples(
        "plan distilgpt2 --max-loss cross_entropy=0.1",
        "plan bert --max-loss f1=1 --data squad --examples 96 --chips 5",
        "plan bert --max-loss f1=2 --from runs/plans/bert.layers.json --scenario ambrogio-system",
    )
)
def plan(
    model: ModelArgument,
    *,
    max_loss: Annotated[
        str,
        typer.Option(metavar="METRIC=VALUE", help="the largest loss against digital, such as f1=1"),
    ],
    hardware: HardwareOption = USUAL_HARDWARE,
    drift: Annotated[
        float, amount("time since programming", "a number of seconds", metavar="SECONDS")
    ] = _DAY_S,
    variant: Annotated[
        Literal["direct", "calibrated"] | None,
        typer.Option(
            help="the digital weights as they are, or with fitted input ranges (default: the "
            "latter, where the hardware has any)"
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8/--no-int8", help="whether layers that are not on tiles may compute in INT8"
        ),
    ] = True,
    scenario: Annotated[
        str, typer.Option(metavar="NAME", help="hardware to estimate energy for")
    ] = DEFAULT_SCENARIO,
    tokens_per_fetch: Annotated[
        int,
        whole_number("tokens that what is digital computes with each weight it fetches"),
    ] = 1,
    from_run: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="RUN.json", help="results of a run to take layers alone from"
        ),
    ] = None,
    chips: Annotated[
        int, whole_number("chips that layers alone are measured on", most=MOST_CHIPS)
    ] = 3,
    plans: Annotated[
        int, whole_number("random plans that the prediction is fitted to", least=0, most=1000)
    ] = 8,
    pairs: Annotated[
        int,
        whole_number(
            "layers, those that lose most alone, to measure two by two as well; 0, or 2 and more",
            least=0,
            most=30,
        ),
    ] = 0,
    fresh_chips: Annotated[
        int, whole_number("further chips that chosen plans are verified on", most=MOST_CHIPS)
    ] = 5,
    limits: Annotated[
        int, whole_number("limits to choose plans for, each half the one before", most=20)
    ] = 4,
    held_out: Annotated[
        int,
        whole_number(
            "further random plans to measure on the further chips, and to compare ways of "
            "predicting losses on; at least 5",
            least=0,
            most=1000,
        ),
    ] = 0,
    data: Annotated[
        str, typer.Option(metavar="SOURCE", help="as of `pytest bench --data`")
    ] = "embedded",
    examples: Annotated[
        int | None,
        whole_number(
            f"examples of it (default: {_USUAL_EXAMPLES} questions or pairs, {_EXAMPLES['lm']} "
            "blocks of text)"
        ),
    ] = None,
    seed: Annotated[int, whole_number("seed of the chips; fresh ones have the next", least=0)] = 1,
    tile: Annotated[
        TileName | None,
        typer.Option(help="simulator of the tiles (default: the hardware's)"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="the plan (default: runs/plans/MODEL.json)"
        ),
    ] = None,
    zoo: ZooOption = "embedded",
    lock: LockOption = LOCK_FILE,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose which layers go on tiles, which compute in INT8, and which stay as they are.

    Layers are measured alone, plans are predicted from them, chosen by integer programming, and
    verified on fresh chips. What was measured is kept beside the plan, and a second call goes on
    from there. `pytest bench --plan FILE` measures the plan.
    """
    most = parse_requirement(max_loss, METRICS, "--max-loss")
    (hardware_of_energy,) = find_scenarios([scenario])
    spec = find_model(model, zoo, lock, None)
    out = out or Path("runs") / "plans" / f"{spec.folder_name}.json"
    if 0 < held_out < _FEWEST_HELD_OUT:
        raise UsageError(
            f"--held-out must be 0 or at least {_FEWEST_HELD_OUT}: fewer plans have no order "
            f"worth the name, found {held_out}"
        )
    if out.suffix != ".json":
        raise UsageError(f"--out must name a file that ends in .json, found {str(out)!r}")
    if pairs == 1:
        raise UsageError("--pairs 1: one layer is no pair; give 0, or 2 and more")
    examples = examples or _EXAMPLES.get(spec.task, _USUAL_EXAMPLES)
    # Not at the top: these import torch.
    from analog_bench.report.plan_table import plan_tables, planned_as_plain
    from analog_bench.report.predictor_table import predictor_table, predictors_as_plain
    from analog_bench.session.kept_results import KeptResults
    from analog_bench.session.plan_making import PlanMaker
    from analog_bench.session.plan_study import (
        PlanRequest,
        layers_of_run,
        plan_study,
        whole_case,
    )
    from analog_bench.session.predictor_comparison import compare_predictors, keep_plans

    use_threads(threads)
    study = plan_study(spec.asked_name, hardware, drift, chips, examples)
    settings = Settings(
        choice=Choice(models=study.models, tile=tile, variants=(variant,) if variant else ()),
        zoo=zoo,
        lock=lock,
        device=device,
        seed=seed,
        per_example="off",
        data=data,
        data_folder=data_folder(),
    )
    whole = whole_case(study, settings)
    given = {
        "hardware": hardware,
        "drift": f"{drift:g}",
        "variant": whole.variant,
        "tile": whole.tile,
        "zoo": zoo,
        "data": data,
        "examples": str(examples),
    }
    words = ["analog-bench", "plan", model, "--max-loss", max_loss, "--scenario", scenario]
    numbers = {
        "chips": chips,
        "plans": plans,
        "pairs": pairs,
        "fresh-chips": fresh_chips,
        "limits": limits,
    }
    numbers |= {"tokens-per-fetch": tokens_per_fetch, "seed": seed}
    for name, value in {**given, **numbers}.items():
        words += [f"--{name}", str(value)]
    command = shlex.join(words if int8 else [*words, "--no-int8"])

    def kept(part: str, seed: int, chips: int) -> KeptResults:
        return KeptResults(
            replace(study, budgets={"smoke": Budget(chips, examples)}),
            replace(settings, seed=seed),
            out.with_suffix(f".{part}.json"),
            command,
            {**given, "chips": str(chips)},
        )

    request = PlanRequest(
        spec=spec,
        most=most,
        hardware=hardware,
        scenario=hardware_of_energy,
        tokens=min(USUAL_TOKENS, spec.structure.positions),
        tokens_per_fetch=tokens_per_fetch,
        hows=tuple(how for how in HOWS if int8 or how != "int8"),
        plans=plans,
        pairs=pairs,
        limits=limits,
        fresh_chips=fresh_chips,
    )
    alone = kept("layers", seed, chips)
    maker = PlanMaker(request, whole, alone, kept("verified", seed + 1, fresh_chips))
    if from_run is not None:
        alone.take(layers_of_run(from_run, list(maker.alone().values()), alone))
    losses, fitted = maker.fit(show_progress)
    planned = maker.make(losses, fitted, command, show_progress)
    compared = None
    if held_out:
        compared = compare_predictors(maker, fitted, held_out, show_progress)
    verified = (*planned.everything, *planned.front)
    keep_plans(maker, ((one.assignment, one.predicted, one.limit) for one in verified))
    if planned.plan is not None:
        write_record(out, planned.plan)
    if as_json:
        found = planned_as_plain(planned)
        found["predictors"] = None if compared is None else predictors_as_plain(compared)
        print_json({**found, "file": str(out) if planned.plan else None})
    else:
        predictors = () if compared is None else predictor_table(compared, most.metric)
        print_blocks((*plan_tables(planned), *predictors))
    if planned.plan is None:
        least = min(one.measured.loss for one in planned.front)
        raise UsageError(
            f"no plan kept {max_loss} on fresh chips: the least that one lost is {least:.3g}; "
            "allow more, or measure on more --chips and --examples"
        )
    if not as_json:
        typer.echo(f"plan: {out}")
