"""A cluster of dask.distributed, on this machine or there already, that measures groups of cases.

Dask keeps the queue: it hands groups out in their order, and one whose worker is lost to another
worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from analog_bench.codec import DocumentError, convert, one_line, plain
from analog_bench.errors import BenchError, UsageError
from analog_bench.session.case_groups import AskedCase, Failure, GroupOutcome, RunWords
from analog_bench.spelling import counted

_CONNECT_S, _FIRST_WORKER_S = 30, 60
# Dask tells workers to give the system back each 64 KiB they free, for programs that hold large
# things for long. Here each forward pass would ask for the same memory again.
_KEEP_FREED_MEMORY = {"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
# Ctrl-C reaches the processes of a terminal all at once: when workers end is for the session.
_HEED_NO_INTERRUPT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class DaskCluster:
    """The workers of a run.

    Attributes:
        size: How many there were when the run began.
    """

    def __init__(
        self, workers: int | str, prepare: Callable[..., None], measure: Callable[..., Any]
    ) -> None:
        """Start so many processes, or connect to the cluster at this address.

        They `prepare` for `RunWords`, and `measure` a list of `AskedCase` of a run, all as plain
        values, by functions that they have, too.

        Raises:
            UsageError: Dask is not installed, nothing answers there, or no worker comes.
        """
        dask, distributed = _require_dask()
        self._prepare = prepare
        self._measure = measure
        self._distributed = distributed
        self._asked: dict[str, Sequence[AskedCase]] = {}
        with ExitStack() as stack:
            address: Any = workers
            if isinstance(workers, int):
                with dask.config.set(_KEEP_FREED_MEMORY):
                    cluster = distributed.LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        memory_limit=None,
                        dashboard_address=None,
                        silence_logs=logging.CRITICAL,
                        preload=[_HEED_NO_INTERRUPT],
                    )
                address = stack.enter_context(cluster)
            try:
                client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
                self._client = stack.enter_context(client)
                self._client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
            except (OSError, TimeoutError) as problem:
                raise UsageError(
                    f"--workers {workers}: {one_line(str(problem))}; start a scheduler with `dask "
                    "scheduler`, and workers with `dask worker ADDRESS --nthreads 1`"
                ) from None
            self.size = len(self._client.nthreads())
            self._arriving = distributed.as_completed(
                loop=self._client.loop, with_results=True, raise_errors=False
            )
            self._open = stack.pop_all()

    def prepare(self, run: RunWords) -> None:
        """Let all workers get ready, while the session does; what is wrong is met at measuring."""
        self._preparing = [
            self._client.submit(self._prepare, plain(run), workers=[worker], pure=False)
            for worker in self._client.nthreads()
        ]

    def submit(self, run: RunWords, groups: Sequence[Sequence[AskedCase]]) -> None:
        """Have groups measured, the first ones first."""
        asked = [[plain(one) for one in group] for group in groups]
        futures = self._client.map(self._measure, asked, run=plain(run), pure=False)
        self._asked |= {future.key: group for future, group in zip(futures, groups, strict=True)}
        self._arriving.update(futures)

    def has_arrived(self) -> bool:
        """Return whether `next` would not have to wait."""
        arrived: bool = self._arriving.has_ready()
        return arrived

    def next(self) -> tuple[Sequence[AskedCase], GroupOutcome]:
        """Wait for the next group, in whatever order they are done.

        Of one that takes its workers with it, time after time, each case has failed.

        Raises:
            BenchError: A worker refuses, or the cluster is gone: no group will come any more.
        """
        future, value = next(self._arriving)
        asked = self._asked.pop(future.key)
        if future.status == "finished":
            try:
                return asked, convert(value, GroupOutcome)
            except DocumentError as problem:
                raise BenchError(f"a worker answers with what is no result: {problem}") from None
        error = value[1] if isinstance(value, tuple) else value
        if isinstance(error, self._distributed.scheduler.KilledWorker):
            reason = (
                f"{counted(error.allowed_failures + 1, 'worker')} died of measuring this case, or "
                f"one of the {len(asked)} of its group: out of memory, perhaps"
            )
            return asked, GroupOutcome((), tuple(Failure(*one.name, reason) for one in asked), {})
        if isinstance(error, BenchError):
            raise error
        raise BenchError(f"the cluster fails: {type(error).__name__}: {one_line(str(error))}")

    def close(self) -> None:
        """Let go of the cluster, whose workers end if they were started for it."""
        self._arriving.clear()
        self._open.close()


def _require_dask() -> tuple[Any, Any]:
    try:
        import dask
        import distributed
    except ImportError as problem:
        raise UsageError(
            f"--workers needs dask.distributed ({problem}): pip install 'analog-bench[dask]'"
        ) from None
    return dask, distributed
