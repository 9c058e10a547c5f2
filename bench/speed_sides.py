"""The two sides of bench_speed.py: replay, and the procedure of aihwkit's example 24.

The latter is written afresh: the whole model is converted for every case, every input is padded to
320 tokens, and batches of 4 go through the whole model.
"""

from __future__ import annotations

import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from typing import Any

import torch
from aihwkit.nn.conversion import convert_to_analog
from aihwkit.simulator.parameters import IOParameters
from scipy import stats
from torch import Tensor

from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.gate.chip_change import score_step
from analog_bench.gate.precision import chips_needed
from analog_bench.gate.significance import step_error
from analog_bench.noise import Ideal, Noise, Pcm, Preset, WhiteOutput, WhiteWeight
from analog_bench.precision_target import PrecisionTarget
from analog_bench.simulators import aihwkit as kit
from analog_bench.simulators.registry import DEFAULT_TILE
from analog_bench.tasks.qa_sources import load_questions
from analog_bench.tasks.qa_windows import Window
from analog_bench.tasks.question_answering import QuestionAnswering
from analog_bench.tasks.token_batches import Batch
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_loading import LoadedModel, load
from analog_bench.zoo.model_specs import find

DAY_S = 86_400.0
PADDED_TO, BATCH = 320, 4
MEASURED_LAYERS = 6  # at least, of the whole model's: it costs the same at any depth
FEW_LAYERS, FEW_CHIPS = 3, 2
MOST = 999  # chips of a layer
REPEATS = 7
WHITE = WhiteOutput(std=1.0)
HARDWARE = Preset("StandardHWATrainingTorch")
LOCK = Path("zoo.lock.json")
SPEC = find("bert", "embedded", read_lock(LOCK))
PATHS = {layer.name: layer.path for layer in SPEC.layers}
LAYERS = tuple(layer.name for layer in SPEC.layers if layer.kind == "matmul")


def _load(examples: int) -> tuple[LoadedModel, QuestionAnswering]:
    loaded = load(SPEC, lock_path=LOCK)
    found = load_questions("embedded", examples=examples, data_folder=None, lock=LOCK)
    return loaded, QuestionAnswering(found.name, found.rows, loaded.tokenizer)


def replay(examples: int) -> dict[str, float]:
    """Measure every layer, then perfect tiles everywhere."""
    start = time.perf_counter()
    loaded, task = _load(examples)
    runner = Runner(loaded.model, task, seed=1, weights="")
    ready = time.perf_counter()
    for layer in LAYERS:
        runner.measure(_case(Pcm(), layer), [0])
    took = _times(start, ready, time.perf_counter(), 1.0) | {"peak": _peak_mib()}
    took |= {"layers": len(LAYERS), "threads": torch.get_num_threads()}
    took["f1"] = runner.measure(_case(Ideal(), *LAYERS), [0]).chips[0].scores["f1"]
    return took


def passes(examples: int) -> dict[str, float]:
    """Return how many digital passes a chip's pass over all inputs takes, kind by kind of noise."""
    loaded, task = _load(examples)
    runner, first = Runner(loaded.model, task, seed=1, weights=""), SPEC.layers[0].name
    cases = {
        **{noise.NAME: _case(noise, first) for noise in (WhiteWeight(), WhiteOutput())},
        "devices on tiles": _case(Pcm(), LAYERS[0]),
        "converters, noise, devices": _case(HARDWARE, LAYERS[0]),
        "the same, all layers": _case(HARDWARE, *LAYERS),
    }
    return {name: _of_a_digital_pass(runner, case) for name, case in cases.items()}


def until_known(
    examples: int, target: PrecisionTarget, patterns: Sequence[str]
) -> dict[str, float]:
    """Measure chips of every layer until all are known as well as asked; in seconds of CPU."""
    start = time.process_time()
    loaded, task = _load(examples)
    runner, f1 = Runner(loaded.model, task, seed=1, weights=""), task.metrics[0]
    ready = time.process_time()
    layers = [n for n in LAYERS if not patterns or any(fnmatchcase(n, p) for p in patterns)]
    known, step = [], score_step(f1, task.examples)
    for layer in layers:
        losses: list[float] = []
        while (wanted := chips_needed(losses, target, f1.margin, MOST, step)) > len(losses):
            more = runner.measure(_case(WHITE, layer), range(len(losses), wanted))
            losses += more.losses(f1)
        known.append(losses)
    took = _times(start, ready, time.process_time(), 1.0)
    spreads = {statistics.stdev(losses): statistics.fmean(losses) for losses in known}
    widest = max(spreads)
    enough = target.half_width(spreads[widest], f1.margin)
    chips = [len(losses) for losses in known]
    return took | {
        "layers": len(layers),
        "threads": torch.get_num_threads(),
        "chips": sum(chips),
        "fewest": min(chips),
        "most": max(chips),
        "missed": sum(number == MOST for number in chips),
        "spread": widest,
        "fixed_chips": next(
            n
            for n in count(2)
            if stats.t.ppf(0.975, n - 1) * math.hypot(widest / math.sqrt(n), step_error(n, step))
            <= enough
        ),
    }


def fixed_chips(examples: int) -> dict[str, float]:
    """Time the conversion of the whole model, and some chips of it, in seconds of CPU."""
    start = time.process_time()
    loaded, task = _load(examples)
    task.batches = _fixed_batches(task.windows, int(loaded.tokenizer.pad_token_id))
    ready = time.process_time()
    conversions, chips = [], []
    for layer in LAYERS[:: len(LAYERS) // FEW_LAYERS]:
        began = time.process_time()
        analog = _converted(loaded, layer, _with_output_noise)
        conversions.append(time.process_time() - began)
        for _ in range(FEW_CHIPS):
            began = time.process_time()
            _scored(analog, task)
            chips.append(time.process_time() - began)
    return {
        "preparation": ready - start,
        "conversion": statistics.fmean(conversions),
        "chip": statistics.fmean(chips),
        "measured": len(chips),
    }


def _of_a_digital_pass(runner: Runner, case: Case) -> float:
    """Return the time of a case's forward pass over all inputs, in digital ones: medians."""
    batches, clean, noisy = runner.task.batches, [], []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for batch in batches:
            _logits(runner.model, batch)
        clean.append(time.perf_counter() - began)
        with runner.chip(case, 0) as chip:
            began = time.perf_counter()
            for n, batch in enumerate(batches):
                with chip.reading(n, batch.attention_mask):
                    _logits(runner.model, batch)
            noisy.append(time.perf_counter() - began)
    return statistics.median(noisy) / statistics.median(clean)


def whole_model(examples: int) -> dict[str, float]:
    """Measure some layers spread over the depth, scaled to all, then perfect tiles everywhere."""
    start = time.perf_counter()
    loaded, task = _load(examples)
    task.batches = _fixed_batches(task.windows, int(loaded.tokenizer.pad_token_id))
    ready = time.perf_counter()
    spread = LAYERS[:: len(LAYERS) // MEASURED_LAYERS]  # the first, the last, and between
    for layer in spread:
        _measured(loaded, task, layer)
    took = _times(start, ready, time.perf_counter(), len(LAYERS) / len(spread))
    took |= {"peak": _peak_mib(), "layers": len(spread)}
    return took | {"f1": _measured(loaded, task, None)}


def _measured(loaded: LoadedModel, task: QuestionAnswering, noisy: str | None) -> float:
    """Put the whole model on tiles, of which one layer's are PCM, and return its F1."""
    analog = _converted(loaded, noisy, _with_pcm)
    with torch.no_grad():
        analog.program_analog_weights()
        analog.drift_analog_weights(DAY_S)
    return _scored(analog, task)


def _with_pcm(config: Any) -> None:
    config.noise_model = kit.PCMLikeNoiseModel()
    config.drift_compensation = kit.GlobalDriftCompensation()


def _with_output_noise(config: Any) -> None:
    config.forward = IOParameters(
        inp_res=-1, out_res=-1, inp_bound=0, out_bound=0, out_noise=WHITE.std
    )


def _converted(loaded: LoadedModel, noisy: str | None, add: Callable[[Any], None]) -> Any:
    path = noisy and PATHS[noisy]

    def configured(name: str, _module: object, config: Any) -> Any:
        if name == path:
            add(config)
        return config

    perfect = kit.base_config(DEFAULT_TILE, "ideal")
    with torch.no_grad():
        return convert_to_analog(loaded.model, perfect, specific_rpu_config_fun=configured).eval()


def _scored(analog: Any, task: QuestionAnswering) -> float:
    return statistics.fmean(task.score([_logits(analog, b) for b in task.batches])["f1"])


def _logits(model: Any, batch: Batch) -> Tensor:
    with torch.no_grad():
        out = model(
            input_ids=batch.input_ids,
            token_type_ids=batch.token_type_ids,
            attention_mask=batch.attention_mask,
        )
    return torch.stack([out.start_logits, out.end_logits], dim=-1)


def _fixed_batches(windows: list[Window], pad_id: int) -> list[Batch]:
    batches, every = [], range(len(windows))
    for rows in (every[first : first + BATCH] for first in every[::BATCH]):
        ids = torch.full((len(rows), PADDED_TO), pad_id)
        types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
        for n, row in enumerate(rows):
            length = len(windows[row].input_ids)
            ids[n, :length] = torch.from_numpy(windows[row].input_ids)
            types[n, :length] = torch.from_numpy(windows[row].token_type_ids)
            mask[n, :length] = 1
        batches.append(Batch(tuple(rows), ids, types, mask))
    return batches


def _case(noise: Noise, *layers: str) -> Case:
    return Case("speed", "bert", layers, noise, DAY_S, DEFAULT_TILE, "ideal", "direct", layers[0])


def _times(start: float, ready: float, end: float, scale: float) -> dict[str, float]:
    cases = scale * (end - ready)
    return {"preparation": ready - start, "cases": cases, "together": ready - start + cases}


def _peak_mib() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
