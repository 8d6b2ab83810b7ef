"""Resolve a RUN argument to a run folder."""

from pathlib import Path
from typing import NoReturn

from deepdigits.core.errors import InputError
from deepdigits.runs.checkpoint_record import CHECKPOINTS
from deepdigits.runs.run import CONFIG, PRETRAINED, Run
from deepdigits.runs.search import run_of_file, runs_below, runs_saving_in

LOGS = "lightning_logs"
LATEST = "latest"
RUN_HELP = (
    f"RUN is a run folder such as {LOGS}/cnn/version_0, a checkpoint in one, `latest` (of "
    f"{LOGS}), FOLDER/latest, or a bundled net: cnn or mlp"
)


def resolve_run(argument: str | Path | Run, logs: Path = Path(LOGS)) -> Run:
    """Resolve RUN: ``latest``, a run folder, a checkpoint of one, or the name of a bundled net.

    A run folder or a file of that name in the working directory comes before a bundled net.

    Raises:
        InputError: There is no such run, or no run has the checkpoint.
    """
    if isinstance(argument, Run):
        return argument
    name = str(argument)
    if name == LATEST:
        return latest_run(logs)
    path = Path(name)
    if path.name == LATEST and not path.exists():
        check_no_checkpoints(path.parent, logs)
        return latest_run(path.parent)
    if path.is_file():
        return run_of_file(path, logs) or _refuse_checkpoint(path, logs)
    for run in (Run(path), Run(PRETRAINED / name)):
        if run.config_file.is_file() and (run.folder == path or run.is_bundled):
            return run
    check_no_checkpoints(path, logs)
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
        raise InputError(
            f"there is no run in {logs} yet: train one, such as `deepdigits train -c cnn`"
        )
    return max(runs, key=lambda run: run.config_file.stat().st_mtime)


def check_no_checkpoints(folder: Path, logs: Path) -> None:
    """Check that a folder without a run is not where a run saves its checkpoints.

    Raises:
        InputError: It is; the line names the run.
    """
    runs = runs_saving_in(folder, logs)
    if runs and not runs_below(folder):
        names = " or ".join(str(run.folder) for run in runs)
        raise InputError(
            f"{folder} is not a run folder: it holds the checkpoints of {names}; type that in its "
            "place"
        )


def _refuse_checkpoint(path: Path, logs: Path) -> NoReturn:
    runs = runs_saving_in(path.parent, logs)
    folder = str(runs[0].folder) if runs else "RUN"
    why = f"{folder} saves others there" if runs else f"no run in {logs} records it"
    raise InputError(
        f"checkpoint {path} is not in a run folder, and {why}: type the run folder in its place, "
        f"or copy it into {folder}/{CHECKPOINTS}/, next to {folder}/{CONFIG}"
    )


def run_argument(run: Run | str | Path) -> str:
    """A run as the RUN argument of a command line."""
    return str((run.chosen or run.folder) if isinstance(run, Run) else run)
