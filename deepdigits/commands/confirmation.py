"""Confirm the best trials of a search over seeds, on the test images, against the config."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepdigits.commands.compare import compare
from deepdigits.commands.repeat import Repetition, repeat
from deepdigits.comparison.statistics import ALPHA, Summary, Welch
from deepdigits.comparison.verdict import p_value
from deepdigits.core.console import say
from deepdigits.sweeps.best import Trial, changes
from deepdigits.sweeps.plan import Plan
from deepdigits.sweeps.progress import shown
from deepdigits.sweeps.space import flag

FOLDER = "confirm"
BASE = "config"


@dataclass(frozen=True)
class Confirmed:
    """A trial over seeds.

    Attributes:
        trial: The trial.
        accuracy: Its test accuracies, in [0, 1].
        welch: Welch's t-test against the config. None: one seed, or all accuracies are equal.
        p: Its p-value by the method of Holm (1979), for as many trials as were confirmed; 1 without
            a test.
    """

    trial: Trial
    accuracy: Summary
    welch: Welch | None
    p: float


@dataclass(frozen=True)
class Confirmation:
    """The config and the best trials over seeds.

    Attributes:
        folder: The folder of their runs.
        base: Test accuracies of the config itself, in [0, 1].
        trials: The trials, in the order of the search.
    """

    folder: Path
    base: Summary
    trials: tuple[Confirmed, ...]

    @property
    def better(self) -> Confirmed | None:
        """The trial with the highest mean of those that are better than the config; None: none."""
        gains = [one for one in self.trials if one.p < ALPHA and one.accuracy.mean > self.base.mean]
        return max(gains, key=lambda one: one.accuracy.mean, default=None)

    def lines(self) -> list[str]:
        """The means with their p-values, and the result in a sentence."""
        lines = [f"test accuracy over {self.base.n} seeds: the config {_mean(self.base)}"]
        for one in self.trials:
            points = 100 * (one.accuracy.mean - self.base.mean)
            lines.append(
                f"trial {one.trial.number:>3}  {_mean(one.accuracy)}, {points:+.3f} points, "
                f"{p_value(one.p)}  {shown(one.trial.values)}"
            )
        if self.better is None:
            lines.append(
                "no gain is confirmed: chance can explain the differences (Welch's t-test, "
                "p-values by the method of Holm)"
            )
        else:
            lines.append(
                f"trial {self.better.trial.number} is confirmed to be better than the config "
                "(Welch's t-test, p-values by the method of Holm)"
            )
        return [*lines, f"runs        {self.folder}"]


def confirm_best(plan: Plan, best: Sequence[Trial], seeds: int, jobs: int) -> Confirmation:
    """Train and test the config and the best trials over seeds; finished runs are kept.

    Args:
        plan: The search.
        best: The trials, the best first. Those that change nothing are left out.
        seeds: Number of seeds.
        jobs: Number of trainings at the same time.

    Raises:
        InputError: A run fails.
    """
    folder = plan.folder / FOLDER
    say("", f"confirm     {folder}: the config and {len(best)} trials over {seeds} seeds")
    base = _repeat(plan, BASE, [], seeds, jobs)
    confirmed = []
    for trial in best:
        own = [flag(key, value) for key, value in changes(trial, plan.config).items()]
        if own:
            made = _repeat(plan, f"trial_{trial.number:03d}", own, seeds, jobs)
            confirmed.append((trial, made))
    tests = [_welch(made, base) for _, made in confirmed]
    ps = holm([1.0 if test is None else test.p for test in tests])
    return Confirmation(
        folder,
        base.accuracy,
        tuple(
            Confirmed(trial, made.accuracy, test, p)
            for (trial, made), test, p in zip(confirmed, tests, ps, strict=True)
        ),
    )


def holm(ps: Sequence[float]) -> list[float]:
    """P-values of several tests, each adjusted by the method of Holm (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    adjusted, highest = [1.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def _repeat(plan: Plan, name: str, flags: Sequence[str], seeds: int, jobs: int) -> Repetition:
    where = [f"--logger.save_dir={plan.folder / FOLDER}", f"--logger.name={name}"]
    return repeat((), seeds, [*plan.args, *flags, *where], jobs=jobs)


def _welch(made: Repetition, base: Repetition) -> Welch | None:
    evidence = compare([made.folder, base.folder]).evidence
    if evidence is None or evidence.welch is None:
        return None
    return evidence.welch


def _mean(accuracy: Summary) -> str:
    sd = "" if accuracy.sd is None else f" ± {100 * accuracy.sd:.3f}"
    return f"{100 * accuracy.mean:.3f}{sd} %"
