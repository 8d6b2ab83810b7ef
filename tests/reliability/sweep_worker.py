"""A worker of a search whose trials only wait, in a process that can be killed: URL FOLDER TOTAL.

Each trial writes its slot into the file `values` when it ends, so a trial that was done twice, or
lost, is there twice, or not.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna

from deepdigits.sweeps.search import search
from deepdigits.sweeps.slots import slot_of, stored
from deepdigits.sweeps.store import open_study

HEARTBEAT = 1
SECONDS = 0.4  # of a trial
NAME = "kills"


@contextmanager
def opened(url: str, folder: Path) -> Iterator[optuna.Study]:
    """The study of the tests."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    facts = {"made": "by one"}
    with open_study(url, NAME, "maximize", facts, folder, HEARTBEAT) as (study, _):
        yield study


def main(url: str, folder: Path, total: int) -> None:
    """Work until all trials are done."""

    def objective(trial: optuna.Trial) -> float:
        value = trial.suggest_float("x", 0, 1)
        for epoch in range(4):
            time.sleep(SECONDS / 4)
            trial.report(value, epoch)
        line = f"{slot_of(stored(trial))} {trial.number} {value!r} {os.getpid()}\n"
        with open(folder / "values", "a", encoding="utf-8") as file:
            file.write(line)
        return value

    with opened(url, folder) as study:
        search(study, objective, total, HEARTBEAT)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
