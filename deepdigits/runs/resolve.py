"""Resolve a RUN argument to a run folder."""

import os
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.runs.checkpoint_record import CHECKPOINTS
from deepdigits.runs.run import CONFIG, PRETRAINED, Run

LOGS = "lightning_logs"
LATEST = "latest"
RUN_FILES = (CONFIG, "report.json", "training.json")  # an ensemble has no config
RUN_HELP = (
    f"RUN is a run folder such as {LOGS}/cnn/version_0, a checkpoint in one, `latest` (of "
    f"{LOGS}), FOLDER/latest, or a bundled net: cnn or mlp"
)


def resolve_run(argument: str | Path | Run, logs: Path = Path(LOGS)) -> Run:
    """Resolve RUN: ``latest``, a run folder, a checkpoint in one, or the name of a bundled net.

    A run folder or a file of that name in the working directory comes before a bundled net.

    Raises:
        InputError: There is no such run, or the checkpoint is not in a run folder.
    """
    if isinstance(argument, Run):
        return argument
    name = str(argument)
    if name == LATEST:
        return latest_run(logs)
    path = Path(name)
    if path.name == LATEST and not path.exists():
        return latest_run(path.parent)
    if path.is_file():
        run = Run.of_checkpoint(path)
        if not run.has_chosen:
            raise InputError(
                f"checkpoint {name} is not in a run folder, RUN/{CHECKPOINTS}/NAME.ckpt next to "
                f"RUN/{CONFIG}: name its run folder, or a checkpoint in it"
            )
        return run
    for run in (Run(path), Run(PRETRAINED / name)):
        if run.config_file.is_file() and (run.folder == path or run.is_bundled):
            return run
    what = "has no config.yaml" if path.is_dir() else "does not exist"
    raise InputError(f"run {name} {what}: {RUN_HELP}")


def latest_run(logs: Path = Path(LOGS)) -> Run:
    """The run that was started last in or below a folder; reference runs are left out.

    Raises:
        InputError: There is no run.
    """
    kept = logs / "reference"
    runs = [run for run in runs_below(logs) if run.config_file.is_file()]
    runs = [run for run in runs if kept not in run.folder.parents]
    if not runs:
        raise InputError(f"there is no run in {logs} yet: train one, for example `make train-cnn`")
    return max(runs, key=lambda run: run.config_file.stat().st_mtime)


def runs_below(folder: Path) -> list[Run]:
    """The runs in a folder at any depth, or the folder itself if it is a run.

    Hidden folders are left out, and there are no runs inside a run. A folder that several links
    lead to is entered once.
    """
    found, entered = [], set()
    for path, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if any(name in files for name in RUN_FILES):
            found.append(Run(Path(path)))
            folders.clear()
    return found


def run_argument(run: Run | str | Path) -> str:
    """A run as the RUN argument of a command line."""
    return str((run.chosen or run.folder) if isinstance(run, Run) else run)
