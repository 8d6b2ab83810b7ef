"""``bench NAME --baseline``: the same benchmark of another commit and of this checkout, in turn."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from deepdigits.benchmarks.changes import Change, Measures, find_measures, pair, verdict
from deepdigits.benchmarks.revisions import current_commit, exported, find_commit
from deepdigits.benchmarks.timing import Result
from deepdigits.core.console import say
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.openmp import without_spin_count

ROOT = Path(__file__).parents[2]  # the checkout, if this package runs from one
COLUMNS = ("", "before", "now", "time now / before", "spread")


def compare_with_baseline(
    args: Sequence[str], revision: str | None = None, turns: int = 5, root: Path = ROOT
) -> Result:
    """Run a benchmark of another commit and of this checkout alternately, and compare the times.

    Each measurement is a separate process. Uncommitted changes of the checkout are measured too.

    Args:
        args: The benchmark and its options.
        revision: The commit to compare with. None: the one recorded in pyproject.toml.
        turns: Processes of each version.
        root: The checkout.

    Raises:
        InputError: There is no checkout or no such commit, one of the versions does not know the
            benchmark or an option, or they have no measure in common.
        RunFailed: A process fails.
    """
    now = current_commit(root)
    before = find_commit(root, revision)
    changed = " with its uncommitted changes" if now.endswith("+") else ""
    names = (f"commit {before[:10]}", f"this checkout ({now[:10]}{changed})")
    say(f"before: {names[0]}; now: {names[1]}", error=True)
    measured: tuple[list[Measures], list[Measures]] = ([], [])
    changes: list[Change] = []
    with exported(root, before) as folder:
        for turn in range(turns):
            # Neither version is always the first, so that a steady drift affects both alike.
            for version in (0, 1) if turn % 2 == 0 else (1, 0):
                start = perf_counter()
                code = (folder / "code", root)[version]
                measured[version].append(_run_benchmark(code, args, names[version], folder))
                seconds = f"{perf_counter() - start:.0f} s"
                side = ("before", "now")[version]
                say(f"turn {turn + 1} of {turns}, {side}: {seconds}", error=True)
            if not (changes := pair(*measured)):
                raise InputError(
                    f"`bench {' '.join(args)}` has no times that {names[0]} and {names[1]} both "
                    "measure: choose a later commit, or other options"
                )
    task = f"bench {' '.join(args)}; before: {names[0]}, now: {names[1]}; {turns} turns"
    measurements = {
        "baseline": before,
        "commit": now,
        "turns": turns,
        "changes": [change.to_dict() for change in changes],
    }
    rows = [change.row() for change in changes]
    return Result(args[0], task, COLUMNS, rows, measurements, verdict(changes))


def _run_benchmark(code: Path, args: Sequence[str], version: str, folder: Path) -> Measures:
    """Run the benchmark of one version in a process, and read the times it prints.

    Args:
        code: Folder of the version's package.
        args: The benchmark and its options.
        version: Name of the version, for errors.
        folder: Its temporary files go here, so that none stay after Ctrl-C.
    """
    paths = [str(code), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **without_spin_count(os.environ),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONSAFEPATH": "1",  # else the working directory, often the checkout, comes first
    }
    command = [sys.executable, "-m", "deepdigits", "bench", *args, "--format=json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        try:
            return find_measures(json.loads(done.stdout))
        except ValueError:
            done.stderr = "its output is not JSON"
    line = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    kind = InputError if done.returncode == 2 else RunFailed
    reason = line.removeprefix("deepdigits: error: ")
    raise kind(f"{version} cannot run `bench {' '.join(args)}`: {reason}")
