"""``deepdigits repeat``: train one config with several seeds, and summarise the accuracies.

Each run is a process of its own, so that it equals the run of `deepdigits train` with its seed: no
random state, torch setting or process group of one run reaches the next, and its memory is freed.
The price is an import of torch for each.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdigits.commands.overrides import Config, Overrides, config_arguments, override_arguments
from deepdigits.commands.parser import ArgumentParser
from deepdigits.comparison.results import Result, read
from deepdigits.comparison.settings import differences, settings
from deepdigits.comparison.statistics import Summary, summary
from deepdigits.core.console import say, say_text
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.launched import without_launcher
from deepdigits.core.locks import exclusive_lock, sole_lock
from deepdigits.runs.finished import is_trained, move_aside
from deepdigits.runs.resolve import LATEST, resolve_run, run_argument
from deepdigits.runs.run import Run
from deepdigits.training.config_flags import named_configs

# `repeat` sets the first two itself; a checkpoint would make all seeds continue one training.
_RESERVED = ("--seed_everything", "--logger.version", "--ckpt_path", "--resume")


@dataclass(frozen=True)
class Repetition:
    """The runs of one config with several seeds.

    Attributes:
        folder: The folder of the runs, ``<logs>/<name>``; each run is ``seed_N`` in it.
        results: The result of each seed, in order.
    """

    folder: Path
    results: list[Result]

    @property
    def accuracy(self) -> Summary:
        """Number, mean, standard deviation and range of the test accuracies, in [0, 1]."""
        return summary([result.report["accuracy"] for result in self.results])


def repeat(
    config: Config | Sequence[Config] = (), seeds: int = 5, overrides: Overrides = ()
) -> Repetition:
    """Train and test a config with seeds 0 to ``seeds - 1``; finished seeds are not run again.

    Args:
        config: A config file, the name of one that comes with the package, such as ``cnn``, or a
            mapping; or several, where later ones override earlier ones.
        seeds: Number of seeds.
        overrides: Flags as on the command line, or a mapping of them.

    Raises:
        InputError: A flag is wrong, finished seeds have other settings, or a run fails.
    """
    if seeds < 1:
        raise InputError(f"--seeds is {seeds}, expected 1 or more")
    args = named_configs([*config_arguments(config), *override_arguments(overrides)])
    resolved = _resolve(args)
    args += _same_origin(resolved)
    folder = Path(resolved["logger"]["save_dir"]) / resolved["logger"]["name"]
    with exclusive_lock(folder) as lock:
        # All seeds are looked up before the first is trained.
        done = [_finished(folder / f"seed_{seed}", resolved) for seed in range(seeds)]
        results = [
            result or _train(folder / f"seed_{seed}", seed, args, resolved, lock)
            for seed, result in enumerate(done)
        ]
    return Repetition(folder, results)


def main(args: Sequence[str]) -> list[Result]:
    """Run the seeds, and print the summary.

    Returns:
        The results, by seed.
    """
    options, overrides = build_parser().parse_known_args(args)
    made = repeat((), options.seeds, overrides)
    say_text(to_text(made.folder, made.results))
    return made.results


def to_text(folder: Path, results: Sequence[Result]) -> str:
    """The summary: each seed, then mean, sd, 95 % interval and range over the seeds."""
    lines = [
        f"seed {result.seed}: accuracy {result.report['accuracy']:.2%}, "
        f"{result.report['errors']} errors in {result.evaluated_on[2]:,}"
        for result in results
    ]
    accuracy = summary([100 * result.report["accuracy"] for result in results])
    lines += [
        f"{folder}: test accuracy {accuracy.mean:.3f} %{_spread(accuracy)}",
        f"lowest {accuracy.min:.2f} %, highest {accuracy.max:.2f} %",
        f"next: deepdigits compare {folder}",
    ]
    return "\n".join(lines)


def build_parser() -> ArgumentParser:
    """The parser of the command's own options; all others are those of `train`."""
    parser = ArgumentParser(
        "repeat",
        usage="deepdigits repeat -c CONFIG --seeds N [any option of train]",
        description="Train and test a config with seeds 0 to N - 1 as NAME/seed_0, NAME/seed_1, "
        "..., and print mean, sd, 95 % interval and range of the accuracy. Call it again to "
        "continue where it stopped, or with a larger N: finished seeds are not run again.",
    )
    parser.add_argument("--seeds", type=int, required=True, metavar="N", help="number of seeds")
    return parser


def _spread(accuracy: Summary) -> str:
    if accuracy.sd is None or accuracy.interval is None:
        return " (n=1: one seed has no standard deviation)"
    low, high = accuracy.interval
    return f" ± {accuracy.sd:.3f} (n={accuracy.n}), 95 % interval {low:.3f} to {high:.3f} (t)"


def _resolve(args: Sequence[str]) -> dict[str, Any]:
    """The config that a run with these arguments saves.

    Raises:
        InputError: They are wrong, or they set what `repeat` sets.
    """
    for word in args:
        if word.partition("=")[0] in _RESERVED:
            raise InputError(
                f"each run has its own seed and folder, and starts anew: leave out {word}"
            )
    from deepdigits.training.execution import resolve_config  # torch: only once the words are right

    return resolve_config(args)


def _same_origin(config: Mapping[str, Any]) -> list[str]:
    """Flags that let all seeds start from the weights that a resolved config names."""
    name, total = config.get("init_from"), config.get("init_sha256")
    if name is None or total is None:
        return []
    is_latest = Path(name).name == LATEST  # which each seed changes
    run = [f"--init_from={run_argument(resolve_run(name))}"] if is_latest else []
    return [*run, f"--init_sha256={total}"]


def _finished(folder: Path, config: dict[str, Any]) -> Result | None:
    """The result of a finished seed; None if it must be trained.

    Raises:
        InputError: It is finished, but with other settings.
    """
    try:
        result = read(Run(folder))
    except InputError:
        return None
    if differing := differences([result.settings, settings(config)]):
        pairs = [f"{key} was {old}, now {new}" for key, (old, new) in differing.items()]
        was = ", ".join([*pairs[:3], *(["..."] if len(pairs) > 3 else [])])
        raise InputError(
            f"{folder} is finished, with other settings ({was}): use those settings again, or "
            "choose another name with --logger.name NAME"
        )
    return result


def _train(
    folder: Path, seed: int, args: Sequence[str], config: dict[str, Any], lock: Sequence[int]
) -> Result:
    """Train and test one seed; an unfinished run in its folder is moved aside first.

    A run that was trained to its end, but not tested, is only tested.

    Raises:
        InputError: The run fails, or writes no report; or another training runs in its folder.
    """
    if folder.exists():
        with sole_lock(folder):  # raises if a training of this seed is running
            result = _test(folder, config, args, lock) if is_trained(folder) else None
        if result is not None:
            return result
        kept = move_aside(folder)
        say(f"{folder} is unfinished: it is trained again; the old one is {kept}")
    say(f"seed {seed}: {folder}")
    own = ["--seed_everything", str(seed), "--logger.version", folder.name]
    code = _start(["train", *args, *own], lock)
    result = None if code else _finished(folder, config)
    if result is None:
        what = f"ended with exit code {code}" if code else "left no report.json"
        kind = InputError if code in (0, 2) else RunFailed
        raise kind(
            f"the run of seed {seed} {what}: correct what it printed above and call again; "
            "finished seeds are kept"
        )
    return result


def _test(
    folder: Path, config: dict[str, Any], args: Sequence[str], lock: Sequence[int]
) -> Result | None:
    """Test a trained seed; None if it cannot be tested."""
    say(f"{folder} is trained, but not tested: it is tested now")
    code = _start(["test", f"--ckpt_path={folder}", *args], lock)
    return None if code else _finished(folder, config)


def _start(args: Sequence[str], lock: Sequence[int]) -> int:
    """Run ``deepdigits`` in a process of its own, inheriting the lock; returns its exit code."""
    command = [sys.executable, "-m", "deepdigits", *args]
    environment = without_launcher(os.environ)
    return subprocess.run(command, pass_fds=lock, check=False, env=environment).returncode
