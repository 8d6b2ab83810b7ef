"""``deepdigits repeat``: train one config with several seeds or folds; summarise the accuracies."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdigits.commands.members import Member, finished, start, train_member
from deepdigits.commands.overrides import Config, Overrides, config_arguments, override_arguments
from deepdigits.commands.parallel_members import train_members
from deepdigits.commands.parser import ArgumentParser
from deepdigits.comparison.results import Result
from deepdigits.comparison.statistics import Summary, summary
from deepdigits.core.console import say_text
from deepdigits.core.errors import InputError
from deepdigits.core.locks import exclusive_lock
from deepdigits.training.config_flags import named_configs, same_origin

if TYPE_CHECKING:
    from deepdigits.runs.out_of_fold import OutOfFold

# `repeat` sets the first itself; a checkpoint would make all runs continue one training.
RESERVED = ("--logger.version", "--ckpt_path", "--resume")
_DEFAULT_SEEDS = 5


@dataclass(frozen=True)
class Repetition:
    """The runs of one config with several seeds or folds.

    Attributes:
        folder: The folder of the runs, ``<logs>/<name>``; each run is ``seed_N`` or ``fold_N`` in
            it.
        results: The result of each run, in order.
        out_of_fold: With folds, the probabilities of each training image; also in
            ``out_of_fold.npz`` in the folder. None: with seeds.
    """

    folder: Path
    results: list[Result]
    out_of_fold: "OutOfFold | None" = None

    @property
    def accuracy(self) -> Summary:
        """Number, mean, standard deviation and range of the accuracies, in [0, 1].

        They are those on the test images or, with folds, on the fold that was held out.
        """
        return summary([result.report["accuracy"] for result in self.results])


def repeat(
    config: Config | Sequence[Config] = (),
    seeds: int | None = None,
    overrides: Overrides = (),
    folds: int | None = None,
    jobs: int = 1,
) -> Repetition:
    """Train and test a config with seeds 0 to ``seeds - 1``, or with each fold held out in turn.

    With folds, the training images are divided into that many; each net is trained without one fold
    and tested on it. The test images are not read. Finished runs are not run again.

    Args:
        config: A config file, the name of one that comes with the package, such as ``cnn``, or a
            mapping; or several, where later ones override earlier ones.
        seeds: Number of seeds; 5 if neither seeds nor folds are given.
        overrides: Flags as on the command line, or a mapping of them.
        folds: Number of folds, in place of seeds. All runs have one seed, 0 unless a flag sets it.
        jobs: Number of runs at the same time, with one thread each if it is more than 1. Their
            output then goes into files, such as ``seed_0.log``.

    Raises:
        InputError: A flag is wrong, finished runs have other settings, or a run fails.
    """
    members = _members(seeds, folds)
    if jobs < 1:
        raise InputError(f"--jobs is {jobs}, expected 1 or more")
    args = named_configs([*config_arguments(config), *override_arguments(overrides)])
    _check_words(args, folds)
    args += [] if folds is None else [f"--data.folds={folds}"]
    resolved = _resolve(args)
    args += same_origin(resolved)
    folder = Path(resolved["logger"]["save_dir"]) / resolved["logger"]["name"]
    with exclusive_lock(folder) as lock:
        # All runs are looked up before the first is trained.
        results = {member: finished(folder, member, resolved) for member in members}
        missing = [member for member, result in results.items() if result is None]
        if jobs > 1:
            trained = train_members(folder, missing, args, resolved, lock, jobs)
        else:
            run = partial(start, lock=lock)
            trained = [train_member(folder, one, args, resolved, run) for one in missing]
        results |= zip(missing, trained, strict=True)
        made = [result for result in results.values() if result is not None]
        if folds is None:
            return Repetition(folder, made)
        from deepdigits.commands.folds import gather  # loads torch

        data = resolved["data"]
        data_dir = data.get("init_args", data).get("data_dir")
        return Repetition(folder, made, gather(folder, made, data_dir))


def main(args: Sequence[str]) -> list[Result]:
    """Run the seeds or folds, and print the summary.

    Returns:
        The results, in order.
    """
    options, overrides = build_parser().parse_known_args(args)
    if options.seeds is None and options.folds is None:
        raise InputError("expected --seeds N or --folds K (see deepdigits repeat --help)")
    made = repeat((), options.seeds, overrides, options.folds, options.jobs)
    say_text(to_text(made.folder, made.results))
    return made.results


def to_text(folder: Path, results: Sequence[Result]) -> str:
    """The summary: each run, then mean, sd and range; over seeds with a 95 % interval."""
    accuracy = summary([100 * result.report["accuracy"] for result in results])
    folds = len({result.fold for result in results}) > 1
    lines = [
        f"{f'fold {result.fold}' if folds else f'seed {result.seed}'}: accuracy "
        f"{result.report['accuracy']:.2%}, {result.report['errors']} errors in "
        f"{result.report['overall']['num_samples']:,}"
        for result in results
    ]
    spread = f" ± {accuracy.sd:.3f} over {accuracy.n} folds" if folds else _spread(accuracy)
    lines += [
        f"{folder}: {'' if folds else 'test '}accuracy {accuracy.mean:.3f} %{spread}",
        f"lowest {accuracy.min:.2f} %, highest {accuracy.max:.2f} %",
        f"next: deepdigits {'audit' if folds else 'compare'} {folder}",
    ]
    return "\n".join(lines)


def build_parser() -> ArgumentParser:
    """The parser of the command's own options; all others are those of `train`."""
    parser = ArgumentParser(
        "repeat",
        usage="deepdigits repeat -c CONFIG (--seeds N | --folds K) [any option of train]",
        description="Train and test a config with seeds 0 to N - 1 as NAME/seed_0, NAME/seed_1, "
        "..., and print mean, sd, 95 % interval and range of the accuracy. Or divide the training "
        "images into K folds, train without each in turn as NAME/fold_0, ..., and test on it. Call "
        "it again to continue where it stopped, or with a larger N: finished runs are not run "
        "again.",
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="number of seeds")
    parser.add_argument(
        "--folds",
        type=int,
        metavar="K",
        help="number of folds; writes NAME/out_of_fold.npz, which `audit` reads",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="runs at the same time (default: 1)"
    )
    return parser


def _members(seeds: int | None, folds: int | None) -> list[Member]:
    """The runs to train.

    Raises:
        InputError: There are none, or both seeds and folds are given.
    """
    if seeds is not None and folds is not None:
        raise InputError(
            "--seeds and --folds cannot be combined: leave out --seeds; --seed_everything S sets "
            "the seed of all folds"
        )
    if folds is not None:
        if folds < 2:
            raise InputError(f"--folds is {folds}, expected 2 or more")
        return [Member("fold", number) for number in range(folds)]
    seeds = _DEFAULT_SEEDS if seeds is None else seeds
    if seeds < 1:
        raise InputError(f"--seeds is {seeds}, expected 1 or more")
    return [Member("seed", number) for number in range(seeds)]


def _spread(accuracy: Summary) -> str:
    if accuracy.sd is None or accuracy.interval is None:
        return " (n=1: one seed has no standard deviation)"
    low, high = accuracy.interval
    return f" ± {accuracy.sd:.3f} (n={accuracy.n}), 95 % interval {low:.3f} to {high:.3f} (t)"


def _check_words(args: Sequence[str], folds: int | None) -> None:
    """Check that arguments do not set what `repeat` sets.

    Raises:
        InputError: One of them does.
    """
    own = ("--data.folds", "--data.fold") if folds is not None else ("--seed_everything",)
    for word in args:
        if word.partition("=")[0] in (*RESERVED, *own):
            raise InputError(
                f"each run has its own {'fold' if folds is not None else 'seed'} and folder, and "
                f"starts anew: leave out {word}"
            )


def _resolve(args: Sequence[str]) -> dict[str, Any]:
    """The config that a run with these arguments saves.

    Raises:
        InputError: They are wrong.
    """
    from deepdigits.training.execution import resolve_config  # torch: only once the words are right

    return resolve_config(args)
