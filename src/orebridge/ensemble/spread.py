"""Runs spread over workers: processes or threads of this machine, or a Dask cluster, through joblib.

Batches come back in any order. A worker that dies takes at most its batches with it: the cluster gives them to others;
on one machine the missing ones are computed by new processes, up to three times in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orebridge.errors import OrebridgeError, WorkerError

if TYPE_CHECKING:
    from orebridge.ensemble.runs import Record

BATCH = 4  # runs handed out at a time: a few seconds of work, lost at most with a worker
TRIES = 3
#: Seconds within which the cluster must answer, have a worker, and bring a next batch.
ANSWER, FIRST_WORKER, SILENCE = 10.0, 15.0, 900.0
Work = Callable[[Sequence[int]], "list[Record]"]


def batches_of(numbers: Sequence[int], size: int = BATCH) -> list[list[int]]:
    """The numbers in order, `size` at a time."""
    ordered = sorted(numbers)
    return [ordered[k : k + size] for k in range(0, len(ordered), size)]


def spread(
    packed: bytes,
    code: str,
    missing: Callable[[], Sequence[int]],
    workers: int = 1,
    scheduler: str | None = None,
    threads: bool = False,
    silence: float = SILENCE,
) -> Iterator[list[Record]]:
    """Batches of runs as they are done. `missing` says, each time it is asked, which runs are still to be computed.

    Raises WorkerError where the cluster cannot be reached or workers die again and again.
    """
    if scheduler is None and workers == 1:
        from orebridge.ensemble.runs import compute

        for batch in batches_of(missing()):
            yield compute(packed, batch, code)
        return
    left, deaths = len(missing()), 0
    while left:
        try:
            with _backend(workers, scheduler, threads) as options:
                yield from _results(packed, code, batches_of(missing()), options, silence)
            return
        except OrebridgeError:
            raise
        except Exception as error:
            if not _is_death(error):
                raise
            now = len(missing())
            deaths = deaths + 1 if now == left else 1
            left = now
            if deaths >= TRIES:
                raise WorkerError(
                    f"workers died or fell silent {deaths} times without finishing a batch ({_words(error)}); "
                    f"{now} runs are still to be done. What was done is kept in --store: check memory and the workers' "
                    "logs, then run the same command again to go on."
                ) from error


def _results(
    packed: bytes, code: str, batches: Sequence[Sequence[int]], options: dict[str, Any], silence: float
) -> Iterator[list[Record]]:
    import warnings

    import joblib

    from orebridge.ensemble.runs import compute

    # After a death joblib tells of finished tasks whose results went with it; they are computed again.
    warnings.filterwarnings("ignore", message=".*tasks (have been successfully executed|which were still)")
    with joblib.parallel_config(**options):
        found = joblib.Parallel(
            return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs", timeout=silence
        )(joblib.delayed(compute)(packed, batch, code) for batch in batches)
        yield from found


@contextmanager
def _backend(workers: int, scheduler: str | None, threads: bool) -> Iterator[dict[str, Any]]:
    if scheduler is None:
        # One thread in each process: the solver and the algebra under numpy must not fight over the cores.
        yield {"backend": "threading", "n_jobs": workers} if threads else {
            "backend": "loky", "n_jobs": workers, "inner_max_num_threads": 1,
        }  # fmt: skip
        return
    client = _client(scheduler)
    try:
        yield {"backend": "dask", "client": client, "wait_for_workers_timeout": FIRST_WORKER, "pure": False}
    finally:
        client.close(timeout=2)


def _client(scheduler: str) -> Any:
    """A client of the cluster, or WorkerError saying what is wrong in one sentence."""
    import logging

    try:
        import distributed
    except ImportError as error:
        raise WorkerError(
            'a cluster needs Dask: install it with `pip install "orebridge[cluster]"`, here and on every worker.'
        ) from error
    for name in ("distributed", "distributed.client", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # one message, ours, instead of its retries
    repair = "Check the address (tcp://HOST:PORT), that `dask scheduler` runs there, and the network between."
    try:
        cluster: Any = distributed  # carries no types
        client = cluster.Client(scheduler, timeout=ANSWER, set_as_default=False)
    except Exception as error:
        raise WorkerError(f"no cluster answers at {scheduler} ({_words(error)}). {repair}") from error
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER)
    except Exception as error:
        client.close(timeout=2)
        raise WorkerError(
            f"the cluster at {scheduler} has no workers after {FIRST_WORKER:g} s. Start some with `dask worker {scheduler}`."
        ) from error
    return client


def _is_death(error: Exception) -> bool:
    """Whether workers, not the work, are at fault."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(
        names
        & {"TerminatedWorkerError", "BrokenProcessPool", "KilledWorker", "CommClosedError", "CancelledError",
           "FutureCancelledError", "TimeoutError", "FuturesTimeoutError"}
    )  # fmt: skip


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__
