"""Resolve a RUN argument to a run folder."""

from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.runs.run import Run

LOGS = "lightning_logs"
RUN_HELP = (
    f"RUN is a run folder such as {LOGS}/cnn/version_0, a checkpoint in one, `latest`, or a "
    "bundled net: cnn or mlp"
)


def resolve_run(argument: str | Path | Run, logs: Path = Path(LOGS)) -> Run:
    """Resolve a RUN argument: a run folder, a checkpoint in one, ``latest``, or a bundled net.

    Raises:
        InputError: There is no such run, or the checkpoint is not inside a run folder.
    """
    if isinstance(argument, Run):
        return argument
    name = str(argument)
    from deepdigits.runs import bundled as pretrained

    if name == "latest":
        return latest_run(logs)
    path = Path(name)
    if path.is_file():
        run = Run(path.resolve().parent.parent, chosen=path.resolve())
        if not run.config_file.is_file():
            raise InputError(
                f"checkpoint {name} lies in no run folder ({run.config_file} is missing): name one "
                "inside its run folder, or pass the run's config with -c"
            )
        return run
    run = Run(path)
    if not run.config_file.is_file():
        if name in pretrained.list_models():
            from deepdigits.runs.unpacking import unpack

            return Run(unpack(name))
        what = "has no config.yaml" if path.is_dir() else "does not exist"
        raise InputError(f"run {name} {what}: {RUN_HELP}")
    return run


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
