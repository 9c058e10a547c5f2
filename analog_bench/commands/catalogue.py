"""The verbs that list what there is: `noises`, `hardware`, `studies` and `models`."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from analog_bench.commands.options import JsonOption, new_app, show_examples
from analog_bench.commands.output import Line, print_json, print_sheet
from analog_bench.commands.zoo import list_models
from analog_bench.errors import TileUnavailable, UsageError
from analog_bench.noise import Noise, families, find_family
from analog_bench.noise.whole_hardware import TERMS
from analog_bench.report import words
from analog_bench.report.noise_names import noise_label, short_noises
from analog_bench.session.extension import run_file
from analog_bench.simulators.protocol import Periphery
from analog_bench.simulators.registry import presets, simulators
from analog_bench.spelling import counted, shortened
from analog_bench.study import Budget, Study

_FEW_NOISES = 6

app = new_app()
# `zoo list` beside `zoo add`: people who look for lists find it here.
app.command("models", epilog=show_examples("models", "models bert", "models --json"))(list_models)


@app.command(epilog=show_examples("noises", "noises pcm", "noises --json"))
def noises(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="only this one, with all that is said")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the noise families, with their parameters, units, defaults and simulators."""
    asked = list(families().values()) if name is None else [find_family(name)]
    if as_json:
        print_json([_noise_facts(one) for one in asked])
    else:
        print_sheet({one.NAME: _noise_lines(one, name is not None) for one in asked})


@app.command(
    epilog=show_examples(
        "hardware", "hardware StandardHWATrainingTorch", "hardware my_hardware.py:preset --json"
    )
)
def hardware(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET",
            help="only this one: a preset of aihwkit, or FILE.py:FUNCTION for one of your own",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List hardware presets: their simulator, what they consist of, the tiles and converters."""
    from analog_bench.session.own_hardware import resolve_hardware

    asked = list(presets()) if name is None else [resolve_hardware(name)]
    if as_json:
        print_json([_hardware_facts(one) for one in asked])
    else:
        print_sheet({one: _hardware_lines(one, name is not None) for one in asked})


@app.command(epilog=show_examples("studies", "studies my_project/bench --json"))
def studies(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="of the bench files (default: bench)")
    ] = Path("bench"),
    as_json: JsonOption = False,
) -> None:
    """List the studies of a folder: what each asks, of which models, and what a budget affords."""
    # Their files run, as when pytest collects them.
    files = sorted(folder.glob("bench_*.py"))
    found = {
        path: study
        for path in files
        for study in vars(run_file(path)).values()
        if isinstance(study, Study)
    }
    if not found:
        raise UsageError(
            f"no study in {str(folder)!r}; name the folder of bench_*.py files, or make a project "
            "with `analog-bench new`"
        )
    if as_json:
        print_json([_study_facts(path, study) for path, study in found.items()])
    else:
        print_sheet({study.name: _study_lines(path, study) for path, study in found.items()})


def _hardware_facts(name: str) -> dict[str, Any]:
    simulator = presets()[name]
    tile = _tile(name)
    return {
        "name": name,
        "simulator": simulator.name,
        "terms": list(simulator.terms.get(name, ())),
        "input_ranges": simulator.presets[name],
        "tile": tile if isinstance(tile, str) else tile._asdict(),
    }


def _tile(name: str) -> Periphery | str:
    """Return how large and how fine a tile is, or why that is not known."""
    try:
        return presets()[name].periphery(name)
    except (UsageError, TileUnavailable) as problem:
        return str(problem).partition(",")[0]


def _hardware_lines(name: str, whole: bool) -> list[Line]:
    simulator, tile = presets()[name], _tile(name)
    terms = simulator.terms.get(name, ())
    ranges = "static, observed or fitted" if simulator.presets[name] else "none"
    lines = [Line("simulator", simulator.label), Line("input ranges", ranges)]
    if isinstance(tile, str):
        lines.append(Line("tile", tile))
    else:
        size = " × ".join(str(side or "any") for side in (tile.inputs, tile.outputs))
        converters = f"DAC {tile.input_bits} bits, ADC {tile.output_bits} bits"
        lines.append(Line("tile", f"{size} (inputs × outputs), {converters}"))
    if whole:
        return [*lines, *(Line(term, TERMS[term]) for term in terms)]
    return [*lines, Line("terms", ", ".join(terms) or "not told apart")]


def _noise_facts(one: type[Noise]) -> dict[str, Any]:
    return {
        "name": one.NAME,
        "acts_on": one.WHERE,
        "parameters": {field.name: field.default for field in fields(one)},
        "drifts": one.DRIFTS,
        "drift_s": list(one.TIMES),
        "random": one.RANDOM,
        "drawn_once": one.DRAWN_ONCE,
        "severity": list(one.SEVERITY),
        "simulators": _simulators(one),
        "description": inspect.cleandoc(one.__doc__ or ""),
    }


def _simulators(one: type[Noise]) -> list[str]:
    return [simulator.name for simulator in simulators().values() if one in simulator.noises]


def _noise_lines(one: type[Noise], whole: bool) -> list[Line]:
    # The docstring is where units and sources are said.
    summary, _, rest = inspect.cleandoc(one.__doc__ or "").partition("\n\n")
    acts_on = {"output": "the output of any layer", "weight": "the weights of any layer"}.get(
        one.WHERE, f"tiles ({', '.join(_simulators(one)) or 'no simulator here has it'})"
    )
    lines = [
        Line("what", " ".join(summary.split())),
        Line("acts on", acts_on),
        # By a noise with its defaults: what the command line takes.
        Line("default", str(one())),
    ]
    if not whole:
        return lines
    return [
        *lines,
        Line("drift", _drift_of(one)),
        Line("chips", _chips_of(one)),
        *(Line("more", " ".join(block.split())) for block in rest.split("\n\n") if block),
    ]


def _drift_of(one: type[Noise]) -> str:
    if not one.DRIFTS:
        return "does not drift"
    times = ", ".join(map(words.time_label, one.TIMES))
    return f"at {times} only" if times else "at any time"


def _chips_of(one: type[Noise]) -> str:
    if not one.RANDOM:
        return "all are the same: nothing is drawn"
    return "differ by what is programmed" if one.DRAWN_ONCE else "differ by their reads"


def _study_facts(path: Path, study: Study) -> dict[str, Any]:
    return {
        "name": study.name,
        "file": str(path),
        "question": study.question,
        "models": list(study.models),
        "noises": [str(noise) for noise in study.noises],
        "drift_s": list(study.drift_s),
        "layers": study.layers,
        "variants": list(study.variants),
        "budgets": {
            name: {
                "chips": budget.chips,
                "precision": budget.precision and str(budget.precision),
                "examples": budget.examples,
                "noises": [str(noise) for noise in budget.noises or study.noises],
            }
            for name, budget in study.budgets.items()
        },
    }


def _study_lines(path: Path, study: Study) -> list[Line]:
    groupings = (study.layers,) if isinstance(study.layers, str) else study.layers
    noises = map(noise_label, short_noises(map(str, study.noises)).values())
    return [
        Line("asks", study.question),
        Line("file", str(path)),
        Line("models", ", ".join(study.models)),
        Line("variants", ", ".join(study.variants)),
        Line("layers", ", ".join(groupings)),
        Line("noises", shortened(noises, _FEW_NOISES)),
        *(Line(name, _afforded(budget)) for name, budget in study.budgets.items()),
    ]


def _afforded(budget: Budget) -> str:
    examples = "all examples" if budget.examples is None else counted(budget.examples, "example")
    noises = f", {counted(len(budget.noises), 'noise')}" if budget.noises else ""
    if budget.precision is None:
        return f"{counted(budget.chips, 'chip')}, {examples}{noises}"
    margins, share = budget.precision.margins, 100 * budget.precision.of_loss
    known = [f"{margins:g} {'margin' if margins == 1 else 'margins'}"] if margins else []
    known += [f"{share:g} % of the loss"] if share else []
    until = f"until known to ±{' or '.join(known)}"
    return f"up to {counted(budget.chips, 'chip')}, {until}, {examples}{noises}"
