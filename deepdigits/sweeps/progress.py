"""The progress of a search: a line for each finished trial, and the rows of a live table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from deepdigits.core.console import say
from deepdigits.sweeps.best import Trial, finished, ranked
from deepdigits.sweeps.slots import slot_of

COLUMNS: Sequence[str] = ("trial", "epoch", "value", "settings")


@dataclass
class Progress:
    """Lines of the trials that have finished since the last call.

    Its methods take all trials of the study.

    Attributes:
        total: Number of trials that are to be finished.
        metric: The metric of their values.
        maximize: Whether a larger value is better.
    """

    total: int
    metric: str
    maximize: bool
    _told: set[int] = field(default_factory=set)

    def start(self, trials: Sequence[FrozenTrial]) -> None:
        """Print how many trials are finished already."""
        known = finished(trials)
        self._told = {trial.number for trial in known}
        if known:
            say(f"{len(known)} of {self.total} trials are finished already")

    def tell(self, trials: Sequence[FrozenTrial]) -> None:
        """Print a line for each trial that has finished since."""
        for line in self.news(trials):
            say(line)

    def news(self, trials: Sequence[FrozenTrial]) -> Iterator[str]:
        """A line for each trial that has finished since."""
        for trial in finished(trials):
            if trial.number not in self._told:
                self._told.add(trial.number)
                yield f"trial {trial.number:>3}  {self._result(trial)}  {shown(trial.values)}"

    def head(self, trials: Sequence[FrozenTrial]) -> str:
        """The number of finished trials and the best of them."""
        ended = finished(trials)
        best = ranked(ended, self.maximize)
        text = f"{len(ended)} of {self.total} trials finished"
        return text + (f", best {self._result(best[0])} (trial {best[0].number})" if best else "")

    def rows(self, trials: Sequence[FrozenTrial]) -> list[list[str]]:
        """The trials that are running: number, epoch, value, settings."""
        return [self._row(trial) for trial in trials if trial.state == TrialState.RUNNING]

    def _row(self, trial: FrozenTrial) -> list[str]:
        reported: Mapping[int, float] = trial.intermediate_values
        last = max(reported, default=0)
        value = f"{reported[last]:.4f}" if reported else "-"
        settings = trial.user_attrs.get("values", {})
        return [str(slot_of(trial)), str(last), value, shown(settings)]

    def _result(self, trial: Trial) -> str:
        if trial.state == "failed":
            return f"failed: {trial.error}"
        if trial.value is None or trial.state == "pruned":
            return f"{self.metric} pruned"
        return f"{self.metric} {trial.value:.4f}"


def shown(values: Mapping[str, Any]) -> str:
    """Settings as short text.

    >>> shown({"model.lr": 0.0123456, "data.batch_size": 64, "model.norm": True})
    'model.lr=0.01235 data.batch_size=64 model.norm=true'
    """
    return " ".join(f"{key}={_value(value)}" for key, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
