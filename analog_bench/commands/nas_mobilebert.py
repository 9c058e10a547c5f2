"""`analog-bench nas mobilebert`: sub-networks of MobileBERT that answer questions on chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analog_bench.commands.options import (
    LOCK_FILE,
    JsonOption,
    ThreadsOption,
    TrainingDataOption,
    load_prepared,
    need_packages,
    read_rows,
    show_examples,
    whole_number,
)
from analog_bench.commands.output import print_blocks, print_json
from analog_bench.planning.scenarios import DEFAULT_SCENARIO, find_scenarios
from analog_bench.study import MOST_CHIPS
from analog_bench.tasks.data_folder import data_folder, training_file
from analog_bench.zoo.hwa_folder import shipped_hwa
from analog_bench.zoo.model_shape import USUAL_TOKENS
from analog_bench.zoo.model_specs import find_embedded

if TYPE_CHECKING:
    from analog_bench.planning.subnetwork_record import MeasuredSubNetwork

EXAMPLES = show_examples(
    "nas mobilebert --trials 40 --threads 1",
    "nas mobilebert --trials 60 --steps 2000 --chips 3 -o runs/nas/longer",
    "nas mobilebert --trials 40 --json",
)
_SUPERNET = "supernet"


def mobilebert(
    trials: Annotated[
        int,
        whole_number("sub-networks in all, those measured before included; the first is the whole"),
    ] = 40,
    steps: Annotated[int, whole_number("steps of training that all of them share")] = 400,
    chips: Annotated[int, whole_number("chips of each", most=MOST_CHIPS)] = 2,
    fresh_chips: Annotated[
        int, whole_number("further chips for the best and the whole", most=MOST_CHIPS)
    ] = 5,
    questions: Annotated[
        str, typer.Option(metavar="SOURCE", help="to score on, as of `pytest bench --data`")
    ] = "embedded",
    examples: Annotated[int, whole_number("how many of them")] = 24,
    data: TrainingDataOption = None,
    scenario: Annotated[
        str, typer.Option(metavar="NAME", help="hardware to estimate energy for")
    ] = DEFAULT_SCENARIO,
    seed: Annotated[int, whole_number("of everything that is drawn", least=0)] = 1,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FOLDER", help="where the study is kept")
    ] = Path("runs/nas/mobilebert"),
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search sub-networks of MobileBERT: F1 after a day, AVM, energy.

    Blocks, feed-forward networks, heads and widths are cut from one network that was trained with
    all of them in it. A second call goes on with the training, and with the sub-networks.
    """
    need_packages("a search of sub-networks", "nas", "sklearn", "optuna")
    (hardware,) = find_scenarios([scenario])
    spec, training = find_embedded("mobilebert"), data or training_file()
    # Only now, since importing them takes seconds: what is wrong above is told before that.
    import torch
    from rich.console import Console
    from rich.text import Text

    from analog_bench.commands.hwa_progress import show_training
    from analog_bench.hwa.supernet import supernet_recipe, train_supernet
    from analog_bench.session.run_data import make_task
    from analog_bench.session.subnetwork_study import SubNetworkLab, study_subnetworks
    from analog_bench.simulators.versions import versions
    from analog_bench.zoo.file_hashes import fingerprint
    from analog_bench.zoo.hwa_weights import load_hwa
    from analog_bench.zoo.model_loading import read_outline

    rows = read_rows(training)
    digital = load_prepared(spec, None, LOCK_FILE, "cpu", threads)
    task = make_task(
        questions, digital, examples=examples, data_folder=data_folder(), lock=LOCK_FILE
    )
    start = load_hwa(digital, shipped_hwa(spec.name))
    recipe = supernet_recipe(spec, steps, seed)
    with show_training("f1") as tell:
        supernet = train_supernet(recipe, digital, start, rows, out / _SUPERNET, tell=tell)
    weights = fingerprint({name: str(value) for name, value in supernet.made_with.items()})
    made_with = {
        **supernet.made_with,
        **{"questions": task.data, "examples": task.examples, "protocol": task.protocol},
        **{"measured_chips": chips, "scenario": hardware.name, "tokens": USUAL_TOKENS},
        **{"torch": str(torch.__version__), "aihwkit": versions()["aihwkit"]},
    }
    lab = SubNetworkLab(
        replace(start, model=supernet.model, weights_sha256=weights),
        read_outline(spec, lock_path=LOCK_FILE),
        task,
        hardware,
        USUAL_TOKENS,
    )
    console = Console(stderr=True)

    def show(doing: str, done: Sequence[MeasuredSubNetwork]) -> None:
        last = f": F1 {done[-1].one_day:.1f} after a day, {done[-1].part}" if done else ""
        console.print(Text(f"{doing}, {len(done)} done{last}"), soft_wrap=True)

    study = study_subnetworks(
        lab,
        out,
        made_with,
        trials=trials,
        chips=chips,
        fresh_chips=fresh_chips,
        seed=seed,
        tell=show,
    )
    from analog_bench.planning.subnetwork_ranking import FEWEST, front, rank_subnetworks
    from analog_bench.report.subnetwork_table import measured_as_plain, subnetwork_tables
    from analog_bench.session.subnetwork_study import STUDY, fresh_of, gain_after_a_day

    measured = study.measured[:trials]
    rankings = rank_subnetworks(measured, seed) if len(measured) >= FEWEST else ()
    fresh = fresh_of(study, trials, fresh_chips)
    gains = [gain_after_a_day(one, fresh[0]) for one in fresh[1:]]
    unbeaten = front(measured)
    if as_json:
        print_json(
            {
                "model": spec.name,
                "made_with": dict(made_with),
                "study": str(out / STUDY),
                "measured": [measured_as_plain(one) for one in measured],
                "front": list(unbeaten),
                "fresh": [
                    {**measured_as_plain(one), "gain": None if n == 0 else gains[n - 1].centre}
                    for n, one in enumerate(fresh)
                ],
                "rankings": [asdict(one) for one in rankings],
            }
        )
        return
    best = [measured[number] for number in unbeaten]
    print_blocks(subnetwork_tables(fresh, gains, best, len(measured), rankings))
