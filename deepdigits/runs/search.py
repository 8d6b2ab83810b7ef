"""Find the runs below a folder, and the run of a checkpoint that is saved elsewhere."""

import os
from collections.abc import Collection, Set
from dataclasses import replace
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.core.locks import LOCK
from deepdigits.runs.checkpoint_record import CHECKPOINTS, RECORD, recorded_paths
from deepdigits.runs.json_files import read_json
from deepdigits.runs.run import CONFIG, Run

REPORT, TRAINING = "report.json", "training.json"
RUN_FILES = (CONFIG, REPORT, TRAINING, RECORD)
# Besides config.yaml, in the folder of a training that was killed in its first epoch.
_STARTED = (CHECKPOINTS, LOCK, "hparams.yaml", REPORT)


def runs_below(folder: Path) -> list[Run]:
    """The runs in a folder at any depth, or the folder itself if it is a run.

    Hidden folders are left out, and there are no runs inside a run. A folder that several links
    lead to is entered once. A config.yaml hides no runs below it: it may be the user's own.
    """
    found: list[Run] = []
    entered, unsure = set(), []
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        run = Run(Path(path))
        if is_run(run.folder, files):
            found.append(run)
            folders.clear()
        elif CONFIG in files and _may_be_run(run, {*files, *folders}):
            unsure.append(run)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
    hiding = [run for run in unsure if any(run.folder in one.folder.parents for one in found)]
    return found + [run for run in unsure if run not in hiding]


def is_run(folder: Path, files: Collection[str] | None = None) -> bool:
    """Whether a folder has a file that only this package writes into a run folder.

    Args:
        folder: The folder.
        files: The names of its files, if they are known.
    """
    names = os.listdir(folder) if files is None else files
    return TRAINING in names or RECORD in names or (REPORT in names and _is_report(folder / REPORT))


def run_of_file(path: Path, logs: Path) -> Run | None:
    """The run of a checkpoint: the folder it is in, or the run in `logs` that records it.

    Raises:
        InputError: Several runs record it.
    """
    run = Run.of_checkpoint(path)
    if run.has_chosen and is_run(run.folder):
        return run
    real = os.path.realpath(path)
    found = [one for one in runs_below(logs) if real in _recorded(one)]
    if len(found) > 1:
        names = " and ".join(str(one.folder) for one in found)
        raise InputError(
            f"checkpoint {path} belongs to {names}: type the folder of one of them in its place"
        )
    if found:
        return replace(found[0], chosen=Path(os.path.abspath(path)))
    # Its training has not ended the first epoch, and the user has a config.yaml at most.
    return run if run.has_chosen else None


def runs_saving_in(folder: Path, logs: Path) -> list[Run]:
    """The runs below `logs` whose record names a checkpoint directly in a folder of the user's."""
    real = os.path.realpath(folder)
    return [run for run in runs_below(logs) if real in map(os.path.dirname, _recorded(run))]


def _recorded(run: Run) -> set[str]:
    try:
        return recorded_paths(run.folder)
    except InputError:  # the record of another run is damaged
        return set()


def _may_be_run(run: Run, names: Set[str]) -> bool:
    """Whether a folder with a config.yaml may be a run, by the names in it or by the config."""
    if not names.isdisjoint(_STARTED):
        return True
    try:
        return "model" in run.config
    except InputError:
        return False


def _is_report(path: Path) -> bool:
    """Whether it is a report of this package; a damaged one is taken for one."""
    try:
        return "overall" in (read_json(path) or {})
    except InputError:
        return True
