"""``deepdigits repeat``: one config over several seeds, and what their spread is.

Each run is a process of its own, so that it is the run that `deepdigits train` with its seed makes:
nothing of one run (random state, settings of torch, the process group of several devices) reaches
the next, and its memory is given back. The price is the import of torch for each.
"""

import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from deepdigits.commands import ArgumentParser
from deepdigits.comparison import results
from deepdigits.comparison.results import Result
from deepdigits.comparison.settings import differences, settings
from deepdigits.comparison.statistics import Summary, summary
from deepdigits.core.errors import InputError
from deepdigits.core.locks import exclusive_lock
from deepdigits.runs.run import Run

# What repeat sets itself, and what would make all seeds go on from one training.
_NOT_GIVEN = ("--seed_everything", "--logger.version", "--ckpt_path")


def main(args: Sequence[str]) -> list[Result]:
    """Train and test with seeds 0 to N - 1, as far as that is not done, and print the summary.

    Returns:
        The results, by seed.

    Raises:
        InputError: A flag is wrong, finished seeds have other settings, or a run fails.
    """
    flags, overrides = _parser().parse_known_args(args)
    if flags.seeds < 1:
        raise InputError(f"--seeds is {flags.seeds}, expected 1 or more")
    config = _resolve(overrides)
    folder = Path(config["logger"]["save_dir"]) / config["logger"]["name"]
    with exclusive_lock(folder) as lock:
        # All are looked at before the first is trained.
        done = [_finished(folder / f"seed_{seed}", config) for seed in range(flags.seeds)]
        tested = [
            result or _train(folder / f"seed_{seed}", seed, overrides, config, lock)
            for seed, result in enumerate(done)
        ]
    print(to_text(folder, tested))
    return tested


def to_text(folder: Path, tested: Sequence[Result]) -> str:
    """The summary: each seed, then mean, sd, 95 % interval and range over the seeds."""
    lines = [
        f"seed {result.seed}: accuracy {result.report['accuracy']:.2%}, "
        f"{result.report['errors']} errors in {result.measured[2]:,}"
        for result in tested
    ]
    accuracy = summary([100 * result.report["accuracy"] for result in tested])
    lines += [
        f"{folder}: test accuracy {accuracy.mean:.3f} %{_spread(accuracy)}",
        f"lowest {accuracy.min:.2f} %, highest {accuracy.max:.2f} %",
        f"next: deepdigits compare {folder}",
    ]
    return "\n".join(lines)


def _spread(accuracy: Summary) -> str:
    if accuracy.sd is None or accuracy.interval is None:
        return " (n=1: one seed shows no spread)"
    low, high = accuracy.interval
    return f" ± {accuracy.sd:.3f} (n={accuracy.n}), 95 % interval {low:.3f} to {high:.3f} (t)"


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "repeat",
        usage="deepdigits repeat -c CONFIG --seeds N [any option of train]",
        description="Train and test a config with seeds 0 to N - 1 as NAME/seed_0, NAME/seed_1, "
        "... and print mean, sd, 95 % interval and range of the accuracy. Call it again to go on "
        "where it stopped, or with a larger N for more seeds: what is finished is not run again.",
    )
    parser.add_argument("--seeds", type=int, required=True, metavar="N", help="number of seeds")
    return parser


def _resolve(overrides: Sequence[str]) -> dict[str, Any]:
    """The config that these options mean, as a run would save it.

    Raises:
        InputError: They are wrong, or they set what repeat itself sets.
    """
    for word in overrides:
        if word.partition("=")[0] in _NOT_GIVEN:
            raise InputError(
                f"each run starts anew, with a seed and a folder of its own: leave out {word}"
            )
    from deepdigits.training.resolve_config import resolve

    return resolve(["train", *overrides])


def _finished(folder: Path, config: dict[str, Any]) -> Result | None:
    """The result of a seed that is done; None where it has yet to be trained.

    Raises:
        InputError: It is done, but with other settings.
    """
    try:
        result = results.read(Run(folder))
    except InputError:
        return None
    if differing := differences([result.settings, settings(config)]):
        pairs = [f"{key} was {old}, now {new}" for key, (old, new) in differing.items()]
        was = ", ".join([*pairs[:3], *(["..."] if len(pairs) > 3 else [])])
        raise InputError(
            f"{folder} is finished, with other settings ({was}): go back to those, or choose "
            "another name for these with --logger.name NAME"
        )
    return result


def _train(
    folder: Path, seed: int, overrides: Sequence[str], config: dict[str, Any], lock: Sequence[int]
) -> Result:
    """Train and test one seed from its start; what an unfinished run left is moved aside.

    Raises:
        InputError: The run fails, or writes no report.
    """
    if folder.exists():
        print(f"{folder} is unfinished: it is run anew; kept as {_move_aside(folder)}", flush=True)
    print(f"seed {seed}: {folder}", flush=True)
    own = ["--seed_everything", str(seed), "--logger.version", folder.name]
    code = _start(["train", *overrides, *own], lock)
    result = None if code else _finished(folder, config)
    if result is None:
        what = f"ended with exit code {code}" if code else "left no report.json"
        raise InputError(
            f"the run of seed {seed} {what}: mend what it says above and call again; finished "
            "seeds are kept"
        )
    return result


def _start(args: Sequence[str], lock: Sequence[int]) -> int:
    """Run ``deepdigits`` in a process of its own, which holds the lock too; gives its exit code."""
    command = [sys.executable, "-m", "deepdigits", *args]
    return subprocess.run(command, pass_fds=lock, check=False).returncode


def _move_aside(folder: Path) -> Path:
    """Move an unfinished run into a hidden folder beside it, where no command looks for runs."""
    hidden = folder.parent / ".unfinished"
    hidden.mkdir(exist_ok=True)
    places = (hidden / f"{folder.name}-{number}" for number in count())
    return folder.rename(next(place for place in places if not place.exists()))
