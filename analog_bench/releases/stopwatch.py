"""How long two releases take for the same small pieces of work, taken in turns."""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from typing import IO, TypeVar

from scipy import stats

from analog_bench.codec import DocumentError, convert, parse
from analog_bench.errors import ReleaseFailed
from analog_bench.gate.significance import CONFIDENCE
from analog_bench.releases.environment_commands import Runtime, last_words

WORKER = "analog_bench.simulators.timing"
# Beyond this, and beyond chance, a piece of work counts as slower or faster.
NOTABLE = 1.10

T = TypeVar("T")
Turns = list[dict[str, float]]
"""One record a turn: name of the work to seconds."""


@dataclass(frozen=True)
class Timed:
    """What one environment's worker reported: timings, and why it cannot do some work, by name."""

    turns: Turns
    impossible: Mapping[str, str]


@dataclass(frozen=True)
class Timing:
    """One piece of work in two releases.

    Attributes:
        old: Median seconds in the older release.
        new: Median seconds in the newer one.
        ratio: Median over the turns of new over old; `low` to `high` is its 95 % interval.
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


def take_turns(runtimes: Mapping[str, Runtime], turns: int) -> dict[str, Timed]:
    """Time the work in several environments, one after the other in every turn.

    Environments and results go by the names of their releases.

    Raises:
        ReleaseFailed: A worker ended before its time.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(*named)) for named in runtimes.items()]
        timed = {worker.name: Timed([], worker.read(dict[str, str])) for worker in workers}
        # In any fixed order some would always follow the same one, with what it left in caches.
        order = random.Random(0)
        for _ in range(turns):
            for worker in order.sample(workers, len(workers)):
                timed[worker.name].turns.append(worker.time())
    return timed


def compare_timings(old: Turns, new: Turns) -> tuple[Timing, ...]:
    """Compare two environments, turn by turn, in each piece of work that both can do.

    The interval of the median ratio is that between two of the sorted ratios, as the sign test
    gives it: it asks nothing of how timings are distributed. The median lies below the k-th of n
    sorted ratios with the chance that fewer than k of n coins show heads: it takes six turns.
    """
    if not old or not new:
        return ()
    k = int(stats.binom.ppf((1 - CONFIDENCE) / 2, len(old), 0.5))
    timings = []
    for name in (name for name in old[0] if name in new[0]):
        before, after = ([turn[name] for turn in turns] for turns in (old, new))
        ratios = sorted(b / a for a, b in zip(before, after, strict=True))
        spread = median(ratios), ratios[k - 1], ratios[-k]
        timings.append(Timing(name, median(before), median(after), *spread))
    return tuple(timings)


@dataclass(frozen=True)
class _Worker:
    """A process that times its work once for each line it is sent."""

    name: str
    process: subprocess.Popen[str]
    stderr: IO[str]

    def time(self) -> dict[str, float]:
        """Return the seconds of one turn."""
        # A worker that has ended says why when its answer is read.
        with suppress(BrokenPipeError):
            if self.process.stdin is not None:
                self.process.stdin.write("\n")
                self.process.stdin.flush()
        return self.read(dict[str, float])

    def read(self, kind: type[T]) -> T:
        """Return the next line of its output, read as JSON."""
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        try:
            return convert(parse(line.encode()), kind)
        except DocumentError:
            why = f"it says {line.strip()!r}"
            if not line:
                code = self.process.wait()
                self.stderr.seek(0)
                why = last_words(self.stderr.read(), code)
            raise ReleaseFailed(f"{self.name} cannot be timed: {why}") from None


@contextmanager
def _worker(name: str, runtime: Runtime) -> Iterator[_Worker]:
    # A file, because nobody reads a pipe meanwhile: warnings could fill it.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr,
        runtime.start(WORKER, stderr=stderr) as process,
    ):
        try:
            yield _Worker(name, process, stderr)
        finally:
            process.kill()
            # What a dead worker did not take in is still to be written.
            with suppress(BrokenPipeError):
                if process.stdin is not None:
                    process.stdin.close()
