"""The training of a trial: a process of its own, watched epoch by epoch."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError

from deepdigits.core.errors import InputError
from deepdigits.core.launched import without_launcher
from deepdigits.core.locks import sole_lock
from deepdigits.core.text import printable
from deepdigits.runs.curves import CURVES, read_curves
from deepdigits.runs.finished import is_trained, move_aside
from deepdigits.runs.run import Run
from deepdigits.sweeps.sampling import draw
from deepdigits.sweeps.search import Killed, NotTrained
from deepdigits.sweeps.slots import ENDED, history_of, slot_of, stored
from deepdigits.sweeps.space import Param, Plain, flag
from deepdigits.sweeps.stopping import Stop
from deepdigits.sweeps.store import MAX_RETRIES

_POLL = 0.1  # seconds between two looks at a training
_LAST = 4_000  # bytes at the end of a log that are searched for the error
_WAIT = 3_600.0  # seconds that the training of a killed worker may need for its end


@dataclass(frozen=True)
class Trainer:
    """Trains the trials of a search.

    Attributes:
        folder: The folder of the search: each trial has a run folder in it.
        args: Config and flags of all trials, with the folder and the name of the search.
        space: The parameters.
        metric: The metric of an epoch, such as ``val/accuracy``.
        maximize: Whether a larger value is better.
        stop: Notes signals to this worker.
    """

    folder: Path
    args: Sequence[str]
    space: Sequence[Param]
    metric: str
    maximize: bool
    stop: Stop

    def __call__(self, trial: optuna.Trial) -> float:
        """Train a trial, or go on with its training; returns the best value of an epoch.

        Raises:
            TrialPruned: It was stopped, since it is worse than others.
            NotTrained: Its training failed.
            Killed: Its training was killed.
        """
        values = draw(trial, self.space)
        folder = self.folder / f"trial_{slot_of(stored(trial)):03d}"
        trial.set_user_attr("values", values)
        self._wait_for_end(folder)
        if not is_trained(folder):
            self._train(trial, folder, values)
        return self._best(folder)

    def _wait_for_end(self, folder: Path) -> None:
        """Wait for the training of a worker that was killed: it has been told to save and end."""
        end = time.monotonic() + _WAIT
        while folder.is_dir():
            try:
                with sole_lock(folder):
                    return
            except InputError:
                if time.monotonic() > end:
                    raise
                if self.stop.signum is not None:
                    raise Killed from None
                time.sleep(_POLL)

    def _train(self, trial: optuna.Trial, folder: Path, values: Mapping[str, Plain]) -> None:
        log = folder.with_suffix(".log")
        command = [sys.executable, "-m", "deepdigits.sweeps.child", str(os.getpid()), "fit"]
        with log.open("ab") as output:
            child = subprocess.Popen(
                [*command, *self._arguments(folder, values)],
                env=without_launcher(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                pruned = self._watch(trial, child, folder)
            finally:
                child.terminate()  # it saves; no signal is sent to one that has ended
                child.wait()
        if self.stop.signum is not None:
            raise Killed
        if pruned:
            raise optuna.TrialPruned
        if child.returncode != 0 or not is_trained(folder):
            self._explain(trial, child.returncode, log)

    def _arguments(self, folder: Path, values: Mapping[str, Plain]) -> list[str]:
        quiet = "--trainer.enable_progress_bar=false"
        if _can_resume(Run(folder)):
            return ["--resume", str(folder), quiet]
        if folder.exists():  # killed before the first epoch had ended
            move_aside(folder)
        own = [flag(key, value) for key, value in values.items()]
        return [*self.args, *own, f"--logger.version={folder.name}", quiet]

    def _watch(self, trial: optuna.Trial, child: "subprocess.Popen[bytes]", folder: Path) -> bool:
        """Report the epochs of a training until it ends; returns whether it is pruned."""
        curves, seen, changed = folder / CURVES, 0, 0
        while child.poll() is None and self.stop.signum is None:
            time.sleep(_POLL)
            with suppress(OSError):
                changed, before = curves.stat().st_mtime_ns, changed
                if changed != before:
                    values = self._values(folder)
                    if self._is_bad(trial, values, seen):
                        return True
                    seen = len(values)
        return False

    def _is_bad(self, trial: optuna.Trial, values: Sequence[float], seen: int) -> bool:
        """Report new epochs; returns whether the trial is worse than others."""
        with suppress(StorageInternalError):  # the server is away: the training goes on
            for epoch, value in enumerate(values[seen:], start=seen + 1):
                if np.isfinite(value):
                    trial.report(float(value), epoch)
            return seen < len(values) and trial.should_prune()
        return False

    def _values(self, folder: Path) -> Sequence[float]:
        try:
            values: Sequence[float] = read_curves(folder)[self.metric].tolist()
        except KeyError as error:
            raise InputError(
                f"{folder} has no metric {self.metric}: pass --metric with one of its {CURVES}"
            ) from error
        return values

    def _best(self, folder: Path) -> float:
        values = [value for value in self._values(folder) if np.isfinite(value)]
        if not values:
            raise NotTrained
        return max(values) if self.maximize else min(values)

    def _explain(self, trial: optuna.Trial, code: int, log: Path) -> None:
        """Raise what became of a training that did not reach its end."""
        line = _last_line(log)
        was_killed = code < 0 or code >= 128
        if was_killed and len(history_of(stored(trial))) < MAX_RETRIES:
            raise Killed(line)
        ended = f"killed {MAX_RETRIES + 1} times" if was_killed else line
        trial.set_user_attr(ENDED, ended or f"exit code {code}")
        raise NotTrained


def _can_resume(run: Run) -> bool:
    try:
        return run.config_file.is_file() and run.last_checkpoint.is_file()
    except InputError:
        return False


def _last_line(log: Path) -> str:
    """The last line of a log: the error of a training."""
    lines = log.read_bytes()[-_LAST:].decode("utf-8", "replace").strip().splitlines()
    return printable(lines[-1].strip()) if lines else ""
