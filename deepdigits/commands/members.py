"""The runs of ``deepdigits repeat``: find a finished one, or train it in a process of its own.

So a run equals that of `deepdigits train` with its seed or fold: no random state, torch setting or
process group of one run reaches the next, and its memory is freed. The price is an import of torch
for each.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepdigits.comparison.results import Result, read
from deepdigits.comparison.settings import differences, settings
from deepdigits.core.console import say
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.launched import without_launcher
from deepdigits.core.locks import sole_lock
from deepdigits.runs.finished import is_trained, move_aside
from deepdigits.runs.run import Run

Start = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Member:
    """One of the runs.

    Attributes:
        kind: What differs between the runs: seed or fold.
        number: Which one it is.
    """

    kind: Literal["seed", "fold"]
    number: int

    @property
    def folder_name(self) -> str:
        """Name of the run folder."""
        return f"{self.kind}_{self.number}"

    @property
    def flags(self) -> list[str]:
        """The flags that only this run has."""
        option = {"seed": "--seed_everything", "fold": "--data.fold"}[self.kind]
        return [option, str(self.number), "--logger.version", self.folder_name]

    def __str__(self) -> str:
        """As in a line of text: ``seed 0``."""
        return f"{self.kind} {self.number}"


def finished(parent: Path, member: Member, config: dict[str, Any]) -> Result | None:
    """The result of a finished run; None if it must be trained.

    Raises:
        InputError: It is finished, but with other settings.
    """
    folder = parent / member.folder_name
    try:
        result = read(Run(folder))
        was = result.settings | _same_in_all(member, result.run.config)
    except InputError:
        return None
    if differing := differences([was, settings(config) | _same_in_all(member, config)]):
        pairs = [f"{key} was {old}, now {new}" for key, (old, new) in differing.items()]
        shown = ", ".join([*pairs[:3], *(["..."] if len(pairs) > 3 else [])])
        raise InputError(
            f"{folder} is finished, with other settings ({shown}): use those settings again, or "
            "choose another name with --logger.name NAME"
        )
    return result


def _same_in_all(member: Member, config: Mapping[str, Any]) -> dict[str, Any]:
    """What `settings` leaves out and yet is the same in all runs: the seed, or the fold."""
    if member.kind == "fold":
        return {"seed_everything": config.get("seed_everything")}
    data = config.get("data")
    values = data.get("init_args", data) if isinstance(data, Mapping) else {}
    return {"data.fold": values.get("fold") if isinstance(values, Mapping) else None}


def train_member(
    parent: Path,
    member: Member,
    args: Sequence[str],
    config: dict[str, Any],
    start: Start,
    tell: Callable[[str], None] = say,
) -> Result:
    """Train and test one run; an unfinished run in its folder is moved aside first.

    A run that was trained to its end, but not tested, is only tested.

    Args:
        parent: The folder of all runs.
        member: The run.
        args: The flags of all runs.
        config: Their resolved config.
        start: Runs `deepdigits` with arguments in a process of its own; returns its exit code.
        tell: Prints a line.

    Raises:
        InputError: The run fails, or writes no report; or another training runs in its folder.
    """
    folder = parent / member.folder_name
    if folder.exists():
        with sole_lock(folder):  # raises if a training of this run is running
            is_tested = False
            if is_trained(folder):
                tell(f"{folder} is trained, but not tested: it is tested now")
                is_tested = start(["test", f"--ckpt_path={folder}", *args]) == 0
            result = finished(parent, member, config) if is_tested else None
        if result is not None:
            return result
        kept = move_aside(folder)
        tell(f"{folder} is unfinished: it is trained again; the old one is {kept}")
    tell(f"{member}: {folder}")
    code = start(["train", *args, *member.flags])
    result = None if code else finished(parent, member, config)
    if result is None:
        what = f"ended with exit code {code}" if code else "left no report.json"
        kind = InputError if code in (0, 2) else RunFailed
        raise kind(
            f"the run of {member} {what}: correct what it printed and call again; "
            f"finished {member.kind}s are kept"
        )
    return result


def start(args: Sequence[str], lock: Sequence[int], log: Path | None = None) -> int:
    """Run ``deepdigits`` in a process of its own, inheriting the lock; returns its exit code.

    Args:
        args: Its arguments.
        lock: File descriptors of the lock.
        log: A file for its output, which is added at its end. None: the output of this process.
    """
    command = [sys.executable, "-m", "deepdigits", *args]
    own = without_launcher(os.environ)
    if log is None:
        return subprocess.run(command, pass_fds=lock, check=False, env=own).returncode
    with log.open("ab") as output:
        run = subprocess.run(
            command, pass_fds=lock, check=False, env=own, stdout=output, stderr=subprocess.STDOUT
        )
    return run.returncode
