"""How long two releases take for the same small pieces of work, taken in turns."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from statistics import median

from scipy import stats

from analog_bench.gate.significance import CONFIDENCE
from analog_bench.releases.failure import ReleaseFailed
from analog_bench.releases.process import Place, last_words

WORKER = "analog_bench.analog.timing"
TURNS = 15
# Beyond this, and beyond chance, a piece of work counts as slower or faster.
NOTABLE = 1.10


@dataclass(frozen=True)
class Lap:
    """One piece of work in two releases.

    Attributes:
        name: The work.
        old: Median seconds in the older release.
        new: Median seconds in the newer one.
        ratio: Median over the turns of new over old.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    name: str
    old: float
    new: float
    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """`slower` or `faster` where the whole interval lies beyond 10 %; else empty."""
        if self.low > NOTABLE:
            return "slower"
        return "faster" if self.high < 1 / NOTABLE else ""


Turns = list[dict[str, float]]


def take_turns(places: Sequence[Place], turns: int = TURNS) -> list[Turns]:
    """Time the work in several environments, one after the other in every turn.

    Args:
        places: The environments.
        turns: How often each is asked.

    Returns:
        One list of turns an environment: name of the work to seconds.

    Raises:
        ReleaseFailed: A worker ended before its time.
    """
    found: list[Turns] = [[] for _ in places]
    with ExitStack() as stack:
        workers = [stack.enter_context(place.start(WORKER)) for place in places]
        for worker in workers:
            stack.callback(worker.kill)
        for worker in workers:
            _answer(worker)
        for turn in range(turns):
            # Whoever goes first in one turn goes last in the next.
            order = range(len(workers)) if turn % 2 == 0 else reversed(range(len(workers)))
            for n in order:
                found[n].append(_asked(workers[n]))
    return found


def laps(old: Turns, new: Turns) -> tuple[Lap, ...]:
    """Compare two environments, turn by turn.

    The interval of the median ratio is that between two of the sorted ratios, as the sign test
    gives it: it asks nothing of how timings are distributed.

    Args:
        old: Turns of the older release.
        new: Those of the newer one, as many.

    Returns:
        One record for each piece of work that both can do.
    """
    names = [name for name in old[0] if name in new[0]] if old and new else []
    return tuple(_lap(name, [t[name] for t in old], [t[name] for t in new]) for name in names)


def _lap(name: str, old: Sequence[float], new: Sequence[float]) -> Lap:
    ratios = sorted(b / a for a, b in zip(old, new, strict=True))
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, len(ratios), 0.5))
    rank = max(rank - 1, 0)
    return Lap(name, median(old), median(new), median(ratios), ratios[rank], ratios[-rank - 1])


def _asked(worker: subprocess.Popen[str]) -> dict[str, float]:
    # A worker that has ended says why when its answer is read.
    with suppress(BrokenPipeError):
        if worker.stdin is not None:
            worker.stdin.write("\n")
            worker.stdin.flush()
    return _answer(worker)


def _answer(worker: subprocess.Popen[str]) -> dict[str, float]:
    line = worker.stdout.readline() if worker.stdout is not None else ""
    if not line:
        problem = worker.stderr.read() if worker.stderr is not None else ""
        raise ReleaseFailed(f"it cannot be timed: {last_words(problem, worker.wait())}")
    found: dict[str, float] = json.loads(line)
    return found
