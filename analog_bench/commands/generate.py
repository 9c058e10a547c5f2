"""`analog-bench generate`: what a model writes, digital and on chips, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from analog_bench.case import Variant
from analog_bench.commands.options import (
    LOCK_FILE,
    DeviceOption,
    JsonOption,
    LockOption,
    MarkdownOption,
    PlanOption,
    PrecisionOption,
    ThreadsOption,
    TileName,
    ZooOption,
    amount,
    new_app,
    refuse_together,
    show_examples,
    use_threads,
    whole_number,
)
from analog_bench.commands.output import print_blocks, print_json, show_progress
from analog_bench.errors import UsageError, did_you_mean
from analog_bench.noise import Preset, parse_noise
from analog_bench.planning.plan_record import read_plan
from analog_bench.session.settings import NamedPlan, Settings, read_calibration
from analog_bench.simulators.registry import DEFAULT_TILE
from analog_bench.study import MOST_CHIPS, MOST_TEXTS, Budget, Choice, Study
from analog_bench.zoo.range_folder import DEFAULT_METHOD, RangeMethod

if TYPE_CHECKING:
    from analog_bench.case import Case
    from analog_bench.records import Result

_USUAL_MODEL = "distilgpt2"
app = new_app()


@app.command(
    epilog=show_examples(
        "generate", 'generate distilgpt2 --prompt "The city of" --noise pcm --drift 86400'
    )
)
def generate(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help=f"language model, or its folder (default: the plan's, or {_USUAL_MODEL})",
        ),
    ] = None,
    prompt: Annotated[
        str, typer.Option(metavar="TEXT", help="what to write on from")
    ] = "Once upon a time",
    noise: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:PARAMETERS]",
            help=f"noise of all layers; may be repeated (default: {Preset()})",
        ),
    ] = None,
    drift: Annotated[
        list[float] | None,
        amount(
            "time since programming; may be repeated (default: 0, a day, a year)",
            "a number of seconds",
            metavar="SECONDS",
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(get_args(Variant)),
            help="what is on the tiles; may be repeated (default: each)",
        ),
    ] = None,
    plan: PlanOption = None,
    chips: Annotated[int, whole_number("chips a case", most=MOST_CHIPS)] = 3,
    texts: Annotated[
        int,
        whole_number(
            "texts a chip; scores are means over them, the first is shown", most=MOST_TEXTS
        ),
    ] = 8,
    seed: Annotated[
        int,
        whole_number("seed of the chips; texts always pick by the same numbers", least=0),
    ] = 1,
    tile: Annotated[
        TileName | None,
        typer.Option(
            help=f"simulator of the tiles (default: as the noise asks, or {DEFAULT_TILE})"
        ),
    ] = None,
    zoo: ZooOption = "embedded",
    hwa: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="folder of HWA weights, one folder a model"),
    ] = None,
    calibration: Annotated[
        str,
        typer.Option(
            metavar="METHOD",
            help="how input ranges of the variant calibrated are found: "
            f"{', '.join(get_args(RangeMethod))}, or a folder of `analog-bench calibrate`",
        ),
    ] = DEFAULT_METHOD,
    lock: LockOption = LOCK_FILE,
    device: DeviceOption = "cpu",
    precision: PrecisionOption = "float32",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    markdown: MarkdownOption = False,
) -> None:
    """Write texts: digital, and on chips direct, calibrated and with HWA weights, side by side."""
    refuse_together(json=as_json, markdown=markdown)
    variants = get_args(Variant)
    for name in variant or ():
        if name not in variants:
            raise typer.BadParameter(f"no variant {name!r}; {did_you_mean(name, variants)}")
    plans = () if plan is None else (NamedPlan(str(plan), read_plan(plan)),)
    study = Study(
        name="generation",
        question="does the model still write coherent text?",
        models=(model or _USUAL_MODEL,),
        noises=tuple(dict.fromkeys(map(parse_noise, noise or [str(Preset())]))),
        budgets={"smoke": Budget(chips, texts)},
        drift_s=tuple(dict.fromkeys(drift or (0.0, 86_400.0, 31_536_000.0))),
        layers="all",
        variants=tuple(name for name in variants if not variant or name in variant),
        prompt=prompt,
        takes_plans=plan is not None,
    )
    settings = Settings(
        choice=Choice(
            models=study.models if model else (),
            noises=study.noises if noise else (),
            drift_s=study.drift_s,
            variants=study.variants if variant else (),
            tile=tile,
        ),
        zoo=zoo,
        hwa=hwa,
        calibration=read_calibration(calibration, Path()),
        lock=lock,
        device=device,
        precision=precision,
        seed=seed,
        per_example="on",
        plans=plans,
    )
    # Not at the top: these import torch.
    from analog_bench.report.as_json import texts_plain
    from analog_bench.report.as_markdown import markdown as in_markdown
    from analog_bench.report.texts_table import texts_table
    from analog_bench.session.cases import cases_of
    from analog_bench.tasks.task_kinds import KINDS

    cases = cases_of(study, settings)
    if not cases:
        name = plans[0].plan.model if plans else study.models[0]
        raise UsageError(f"{name} writes nothing; choose a language model, such as distilgpt2")
    use_threads(threads)
    results = _measure(study, settings, cases)
    metrics = KINDS["generation"].metrics
    if as_json:
        print_json({"prompt": prompt, **texts_plain(results)})
    elif markdown:
        print(in_markdown(texts_table(results, metrics)), end="")
    else:
        print_blocks(texts_table(results, metrics))


def _measure(study: Study, settings: Settings, cases: list[Case]) -> list[Result]:
    from analog_bench.session.case_measurement import measure_case
    from analog_bench.session.model_cache import ModelCache
    from analog_bench.simulators.registry import find_simulator
    from analog_bench.store.run import storable

    models = ModelCache(settings, workers=1)
    results = []
    for case in show_progress("writing", cases):
        if case.noise.WHERE == "tile":
            find_simulator(case.tile).require(settings.device)
        results.append(storable(measure_case(models, study, case)[0].result))
    return results
