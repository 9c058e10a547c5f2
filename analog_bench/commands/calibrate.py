"""`analog-bench calibrate`: input ranges fitted to hardware, without training."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from analog_bench.commands.options import (
    LOCK_FILE,
    USUAL_HARDWARE,
    DeviceOption,
    HardwareOption,
    JsonOption,
    LockOption,
    ModelArgument,
    ThreadsOption,
    WeightsOption,
    ZooOption,
    find_model,
    load_prepared,
    new_app,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import Line, print_json, print_sheet
from analog_bench.session.own_hardware import load_hardware
from analog_bench.zoo.range_folder import DEFAULT_METHOD, RANGES, RangeMethod, write_ranges

app = new_app()


@app.command(
    epilog=show_examples(
        "calibrate bert",
        "calibrate bert --hardware my_hardware.py:small_converters --calibration quantile",
        "calibrate bert --data questions.json --sequences 128 -o runs/ranges",
    )
)
def calibrate(
    model: ModelArgument,
    hardware: HardwareOption = USUAL_HARDWARE,
    calibration: Annotated[RangeMethod, typer.Option(help="the method")] = DEFAULT_METHOD,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="SQuAD v1.1 JSON with questions and passages to fit on, none of which should be "
            "scored later (default: 32 passages that come with the package for this alone)",
        ),
    ] = None,
    sequences: Annotated[int, whole_number("how many passages of --data")] = 32,
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="FOLDER",
            help="folder for ranges; the model gets one of its own in it",
        ),
    ] = Path("runs/ranges"),
    zoo: ZooOption = "embedded",
    weights: WeightsOption = None,
    lock: LockOption = LOCK_FILE,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a model's input ranges to hardware: seconds, and no weight changes.

    `pytest bench --variant calibrated --calibration FOLDER` measures with them, and `hwa train
    --calibration FOLDER` starts from them. Runs fit their own where no folder is given.
    """
    spec, named = find_model(model, zoo, lock, weights), load_hardware(hardware)
    # Not at the top: these import torch.
    from analog_bench.session.calibrated_ranges import fit_to
    from analog_bench.tasks.calibration_data import embedded_passages, passages_of
    from analog_bench.tasks.squad_files import read_squad

    passages = embedded_passages() if data is None else passages_of(read_squad(data), sequences)
    loaded = load_prepared(spec, weights, lock, device, threads)
    began = time.perf_counter()
    record = fit_to(loaded, named, calibration, passages)
    seconds = time.perf_counter() - began
    folder = out / spec.folder_name
    write_ranges(folder, record)
    tiles = sum(map(len, record.input_ranges.values()))
    if as_json:
        plain = {"hardware": named, "tile": record.tile, **record.recipe, "seconds": seconds}
        print_json(
            {"model": spec.name, "zoo": spec.source, **plain, "ranges": str(folder / RANGES)}
        )
        return
    lines = [
        Line("method", f"{calibration}, on {record.recipe['sequences']} passages"),
        Line("ranges", f"of {tiles} tiles in {len(record.input_ranges)} layers"),
        Line("seconds", f"{seconds:.1f}"),
        Line("file", str(folder / RANGES)),
    ]
    print_sheet({f"{spec.name} on {named}": lines})
