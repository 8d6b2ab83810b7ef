"""The best trials of a search, and best.yaml: the settings of the best one that differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.trial import FrozenTrial, TrialState

from deepdigits.core.files import write_text
from deepdigits.sweeps.slots import ENDED, done
from deepdigits.sweeps.space import Plain
from deepdigits.sweeps.typed_space import setting

FILE = "best.yaml"


@dataclass(frozen=True)
class Trial:
    """A finished trial.

    Attributes:
        number: The number of its run folder.
        state: complete; pruned, since it was worse than others; or failed.
        value: The best value of its metric; None if it failed.
        values: Setting -> value.
        error: Why it failed; None if it did not.
    """

    number: int
    state: str
    value: float | None
    values: Mapping[str, Plain]
    error: str | None = None


def finished(trials: Sequence[FrozenTrial]) -> list[Trial]:
    """The finished ones of all trials of a study, in their order."""
    return [_trial(slot, one) for slot, one in done(trials).items()]


def ranked(trials: Sequence[Trial], maximize: bool) -> list[Trial]:
    """The complete trials with different settings, the best first."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    complete.sort(key=lambda trial: (trial.value or 0.0) * (-1 if maximize else 1))
    distinct = {repr(sorted(trial.values.items())): trial for trial in reversed(complete)}
    return [trial for trial in complete if distinct[repr(sorted(trial.values.items()))] is trial]


def changes(trial: Trial, config: Mapping[str, Any]) -> dict[str, Plain]:
    """The settings of a trial that differ from those of the config.

    Args:
        trial: The trial.
        config: The resolved config without them.
    """
    return {k: v for k, v in trial.values.items() if setting(config, k) != _loaded(v)}


def write_best(trial: Trial, config: Mapping[str, Any], folder: Path) -> Path:
    """Write best.yaml, to be stacked on the config with `-c`: only the keys that differ."""
    content: dict[str, Any] = {}
    for key, value in changes(trial, config).items():
        *sections, last = _config_key(key, config)
        inner = content
        for name in sections:
            inner = inner.setdefault(name, {})
        inner[last] = _loaded(value)
    head = f"# Trial {trial.number} of the search: {trial.value}\n"
    return write_text(folder / FILE, head + (yaml.safe_dump(content) if content else "{}\n"))


def _loaded(value: Plain) -> Any:
    """A value as a config has it; lists and mappings are kept as JSON, which is YAML."""
    return yaml.safe_load(value) if isinstance(value, str) else value


def _config_key(key: str, config: Mapping[str, Any]) -> list[str]:
    """The sections of a setting in a config, with ``init_args`` where a class is named."""
    path: list[str] = []
    found: Any = config
    for name in key.split("."):
        if isinstance(found, Mapping) and "class_path" in found and name not in found:
            path.append("init_args")
            found = found.get("init_args", {})
        path.append(name)
        found = found.get(name) if isinstance(found, Mapping) else None
    return path


def _trial(slot: int, trial: FrozenTrial) -> Trial:
    error = trial.user_attrs.get(ENDED)
    state = "complete" if trial.state == TrialState.COMPLETE else "failed" if error else "pruned"
    return Trial(slot, state, trial.value, trial.user_attrs.get("values", {}), error)
