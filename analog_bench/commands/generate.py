"""`analog-bench generate [MODEL]`: what a model writes, digital and on chips, side by side."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from analog_bench.case import Variant
from analog_bench.commands.arguments import Verbs, add_lock, add_threads, natural, positive
from analog_bench.commands.arguments import add_verb as _add
from analog_bench.errors import UsageError
from analog_bench.noise import Preset, Tile, parse_noise
from analog_bench.session.settings import Settings
from analog_bench.study import Budget, Choice, Study
from analog_bench.zoo.specs import SOURCES

if TYPE_CHECKING:
    from analog_bench.case import Case
    from analog_bench.records import Result
    from analog_bench.session.model_cache import ModelCache

_DRIFT_S = (0.0, 86_400.0, 31_536_000.0)


def add_verb(verbs: Verbs) -> None:
    """Add the verb."""
    parser = _add(
        verbs,
        "generate",
        "write texts: digital, on chips, and on chips with HWA weights, side by side",
        "analog-bench generate\n"
        'analog-bench generate distilgpt2 --prompt "The city of" --noise pcm --drift 86400',
        run,
    )
    parser.add_argument(
        "model",
        nargs="?",
        default="distilgpt2",
        metavar="MODEL",
        help="language model (default: %(default)s)",
    )
    parser.add_argument(
        "--prompt", default="Once upon a time", metavar="TEXT", help="what to write on from"
    )
    parser.add_argument(
        "--noise",
        action="append",
        metavar="NAME[:PARAMETERS]",
        help=f"noise of all layers; may be repeated (default: {Preset()})",
    )
    parser.add_argument(
        "--drift",
        action="append",
        metavar="SECONDS",
        help="time since programming; may be repeated (default: 0, a day, a year)",
    )
    parser.add_argument(
        "--variant",
        action="append",
        choices=get_args(Variant),
        help="weights on the tiles; may be repeated (default: both)",
    )
    parser.add_argument(
        "--chips",
        type=positive,
        default=3,
        metavar="N",
        help="chips a case (default: %(default)s)",
    )
    parser.add_argument(
        "--texts",
        type=positive,
        default=8,
        metavar="N",
        help="texts a chip; scores are means over them, the first is shown (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=natural,
        default=1,
        metavar="N",
        help="seed of the chips; texts always pick by the same numbers (default: %(default)s)",
    )
    parser.add_argument("--tile", choices=get_args(Tile), default="torch", help="tile engine")
    parser.add_argument("--zoo", choices=SOURCES, default="embedded", help="source of the weights")
    parser.add_argument(
        "--hwa", type=Path, metavar="FOLDER", help="folder of HWA weights, one folder a model"
    )
    add_lock(parser)
    add_threads(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print one JSON document instead")
    how.add_argument("--markdown", action="store_true", help="print Markdown instead")


def run(arguments: argparse.Namespace) -> int:
    """Write the texts and print them."""
    # Not at the top: this imports torch.
    import torch

    from analog_bench.session.cases import cases_of
    from analog_bench.session.model_cache import ModelCache

    study, settings = _asked(arguments)
    cases = cases_of(study, settings)
    if not cases:
        raise UsageError(
            f"{arguments.model} answers questions and writes nothing; choose a language model, "
            "such as distilgpt2"
        )
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    _show(_measured(ModelCache(settings, workers=1), study, cases), arguments)
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[Study, Settings]:
    """Return a study of generation with one budget, and the run that was asked for."""
    study = Study(
        name="generation",
        question="does the model still write coherent text?",
        models=(arguments.model,),
        noises=tuple(map(parse_noise, arguments.noise or [str(Preset())])),
        budgets={"smoke": Budget(arguments.chips, arguments.texts)},
        drift_s=tuple(map(_seconds, arguments.drift)) if arguments.drift else _DRIFT_S,
        layers="all",
        variants=tuple(dict.fromkeys(arguments.variant or get_args(Variant))),
        prompt=arguments.prompt,
    )
    settings = Settings(
        choice=Choice(models=study.models, tile=arguments.tile),
        budget="smoke",
        chips=None,
        examples=None,
        data="embedded",
        zoo=arguments.zoo,
        hwa=arguments.hwa,
        lock=arguments.lock,
        device="cpu",
        seed=arguments.seed,
        front=True,
        per_example=False,
        json=None,
        baselines=Path("baselines"),
        data_folder=None,
        gate="off",
        requirements=(),
        update_baselines=False,
        report=False,
        resume=False,
        given={},
    )
    return study, settings


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--drift must be a number of seconds, found {text!r}") from None


def _measured(models: ModelCache, study: Study, cases: list[Case]) -> list[Result]:
    from rich.console import Console
    from rich.progress import track

    from analog_bench.simulators.probe import require_tile
    from analog_bench.store.run import storable

    console = Console(stderr=True)
    results = []
    for case in track(
        cases,
        description="writing",
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ):
        lacks = models.lacks(case)
        runner = models.runner(study, case.model, "direct" if lacks else case.variant)
        if case.noise.WHERE == "tile":
            require_tile(case.tile)
        if lacks:
            results.append(storable(runner.skipped(case, lacks)))
            continue
        chips = models.budget(study, case.model).initial_chips if case.draws else range(1)
        results.append(storable(runner.measure(case, chips)))
    return results


def _show(results: list[Result], arguments: argparse.Namespace) -> None:
    from analog_bench.report.glyphs import needs_ascii
    from analog_bench.report.texts import texts_markdown, texts_plain, texts_table
    from analog_bench.tasks.metrics import METRICS_OF

    metrics = METRICS_OF["generation"]
    if arguments.json:
        plain = {"prompt": arguments.prompt, **texts_plain(results)}
        print(json.dumps(plain, indent=2, allow_nan=False))
    elif arguments.markdown:
        print(texts_markdown(results, metrics), end="")
    else:
        from rich.console import Console

        ascii_only = needs_ascii(sys.stdout)
        Console().print(texts_table(results, metrics, ascii_only=ascii_only))
