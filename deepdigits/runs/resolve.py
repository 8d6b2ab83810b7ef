"""Resolve a RUN argument to a run folder."""

from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.runs.run import PRETRAINED, Run

LOGS = "lightning_logs"
RUN_HELP = (
    f"RUN is a run folder such as {LOGS}/cnn/version_0, a checkpoint in one, `latest`, or a "
    "bundled net: cnn or mlp"
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
    if name == "latest":
        return latest_run(logs)
    path = Path(name)
    if path.is_file():
        run = Run.of_checkpoint(path)
        if not run.config_file.is_file():
            raise InputError(
                f"checkpoint {name} is not in a run folder ({run.config_file} is missing): name "
                "one inside its run folder"
            )
        return run
    for run in (Run(path), Run(PRETRAINED / name)):
        if run.config_file.is_file() and (run.folder == path or run.is_bundled):
            return run
    what = "has no config.yaml" if path.is_dir() else "does not exist"
    raise InputError(f"run {name} {what}: {RUN_HELP}")


def latest_run(logs: Path = Path(LOGS)) -> Run:
    """The run that was started last below a folder of runs; reference runs are left out."""
    kept = logs / "reference"
    configs = [path for path in logs.glob("*/*/config.yaml") if kept not in path.parents]
    if not configs:
        raise InputError(f"there is no run in {logs} yet: train one, for example `make train-cnn`")
    return Run(max(configs, key=lambda path: path.stat().st_mtime).parent)


def run_argument(run: Run | str | Path) -> str:
    """A run as the RUN argument of a command line."""
    return str((run.chosen or run.folder) if isinstance(run, Run) else run)
