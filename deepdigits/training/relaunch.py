"""Find the run that a launch has begun before torchrun or SLURM restarted its processes."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.runs.checkpoint_record import CHECKPOINTS, LAST, read_record
from deepdigits.runs.finished import MARKER, is_trained, move_aside
from deepdigits.runs.json_files import read_json, write_json
from deepdigits.runs.run import Run

LAUNCH = "launch.json"  # in a run folder: the keys of the launch that has begun or resumed the run
_NO_ID = "none"  # the id of torchrun if the user gives none
_trainings = count()  # a script may train several times


@dataclass(frozen=True)
class LaunchKeys:
    """The names of a launch, by which its run is found again.

    Attributes:
        recorded: All of its names.
        restarted: Those of a launch that was certainly restarted.
        repeated: Those that the user may have given to another launch before.
    """

    recorded: tuple[str, ...]
    restarted: tuple[str, ...]
    repeated: tuple[str, ...]


def launch_keys(args: Sequence[str], variables: Mapping[str, str] | None = None) -> LaunchKeys:
    """The keys of the launch of this process; call it once for each training.

    A job of SLURM that is requeued keeps its number, a restart of torchrun its id and its agent. An
    id that the user has chosen is the same if torchrun itself is started again; then the command
    line must be the same too.

    Args:
        args: The command line.
        variables: The environment. None: that of this process.
    """
    given = os.environ if variables is None else variables
    number, restarted, others = next(_trainings), list[str](), list[str]()
    if job := given.get("SLURM_JOB_ID"):
        key = f"SLURM job {job} step {given.get('SLURM_STEP_ID', 'batch')} training {number}"
        (others if given.get("SLURM_RESTART_COUNT", "0") == "0" else restarted).append(key)
    repeated = []
    if name := given.get("TORCHELASTIC_RUN_ID"):
        agent = f"{platform.node()} process {os.getppid()}"
        key = f"torchrun {name} agent {agent} training {number}"
        is_first = given.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
        (others if is_first else restarted).append(key)
        if name != _NO_ID:
            digest = sha256("\0".join(args).encode()).hexdigest()[:16]
            repeated = [f"torchrun {name} command {digest} training {number}"]
    return LaunchKeys((*others, *restarted, *repeated), tuple(restarted), tuple(repeated))


def record_launch(folder: Path, keys: LaunchKeys) -> None:
    """Write the keys into a run folder."""
    write_json(folder / LAUNCH, {"keys": list(keys.recorded)})


def find_run(folders: Sequence[Path], keys: LaunchKeys, tests: bool) -> tuple[Run, Path] | None:
    """The run of a launch and its last checkpoint; call it in the first process only.

    A run without a checkpoint is moved aside, so that its folder can be used anew.

    Args:
        folders: The run folders to look in.
        keys: The keys of the launch.
        tests: Whether the run is to be tested after its training.
    """
    found = []
    for folder in dict.fromkeys(folder.absolute() for folder in folders):
        recorded = _recorded(folder)
        ended = (folder / MARKER).is_file() if tests else is_trained(folder)
        searched = keys.restarted if ended else (*keys.restarted, *keys.repeated)
        if not recorded.isdisjoint(searched):
            found.append(Run(folder))
    for run in sorted(found, key=lambda run: -(run.folder / LAUNCH).stat().st_mtime):
        if has_saved(run.folder):
            return run, run.last_checkpoint
        move_aside(run.folder)
    return None


def has_saved(folder: Path) -> bool:
    """Whether a training has saved a checkpoint to resume from."""
    try:
        record, chosen = read_record(folder), Run(folder).found_checkpoint
    except InputError:
        return False
    last = (record.last if record is not None else None) or f"{CHECKPOINTS}/{LAST}"
    return chosen is not None or (folder / last).is_file()


def _recorded(folder: Path) -> set[str]:
    try:
        keys = (read_json(folder / LAUNCH) or {}).get("keys", [])
    except InputError:  # of another run
        return set()
    return {key for key in keys if isinstance(key, str)} if isinstance(keys, list) else set()
