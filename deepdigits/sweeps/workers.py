"""Several workers of a search on one machine, and a live table of their trials."""

import os
import subprocess
import sys
import time
from contextlib import suppress

import optuna
from optuna.exceptions import StorageInternalError

from deepdigits.core.errors import RunFailed
from deepdigits.core.live import live_table
from deepdigits.sweeps.plan import Plan
from deepdigits.sweeps.progress import COLUMNS, Progress
from deepdigits.sweeps.stopping import Stop
from deepdigits.sweeps.worker import Settings, to_json

_POLL = 1.0  # seconds between two looks at the storage
_MAX_STARTS = 5  # of a worker that is killed again and again, on average
Process = subprocess.Popen[bytes]


def run_workers(
    plan: Plan, settings: Settings, jobs: int, study: optuna.Study, progress: Progress
) -> None:
    """Run workers until all of them end; one that is killed is started again.

    Args:
        plan: The search.
        settings: How it is done.
        jobs: Number of workers.
        study: The study, to watch it.
        progress: Prints a line for each finished trial.

    Raises:
        Interrupted: A signal was received: the trainings have saved.
        RunFailed: A worker failed, or workers were killed again and again.
    """
    description = to_json(plan, settings).encode()
    with Stop() as stop:
        workers = [_start(description) for _ in range(jobs)]
        try:
            _watch(workers, description, study, progress, stop)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait()
        stop.check()
    if failed := [worker.returncode for worker in workers if worker.returncode]:
        code = failed[0]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise RunFailed(f"a worker {how}: call again to go on; its error, if any, is above")


def _watch(
    workers: list[Process],
    description: bytes,
    study: optuna.Study,
    progress: Progress,
    stop: Stop,
) -> None:
    """Show the trials until all workers have ended, or a signal has come."""
    starts = 0
    with live_table(COLUMNS) as table:
        while stop.signum is None:
            for place, worker in enumerate(workers):
                if (worker.poll() or 0) < 0 and starts < _MAX_STARTS * len(workers):
                    table.print(
                        f"a worker was killed by signal {-worker.returncode}: started again"
                    )
                    workers[place] = _start(description)
                    starts += 1
            with suppress(StorageInternalError):  # the server is away: the workers wait for it
                trials = study.get_trials(deepcopy=False)
                for line in progress.news(trials):
                    table.print(line)
                table.update(progress.head(trials), progress.rows(trials))
            if all(worker.poll() is not None for worker in workers):
                return
            time.sleep(_POLL)


def _start(description: bytes) -> Process:
    command = [sys.executable, "-m", "deepdigits.sweeps.worker", str(os.getpid())]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert worker.stdin is not None
    with worker.stdin:
        worker.stdin.write(description)
    return worker
