"""best.yaml: stacked on the config, it gives the config of the flags."""

from pathlib import Path
from typing import Any

import pytest

optuna = pytest.importorskip("optuna", reason="pip install 'deepdigits[sweep]'")

from deepdigits.sweeps.best import Trial, changes, ranked, write_best  # noqa: E402
from deepdigits.sweeps.space import flag  # noqa: E402
from deepdigits.training.execution import resolve_config  # noqa: E402

VALUES: dict[str, Any] = {
    "model.lr": 0.0123,
    "model.hidden_sizes": "[8, 9]",
    "model.norm": False,
    "model.dropout": 0.0,  # as it is
    "data.batch_size": 64,
    "data.augment.elastic_alpha": 20.0,
    "trainer.max_epochs": 3,
    "early_stopping.monitor": "val/loss",
}


def test_stacked_on_the_config_it_gives_the_config_of_the_flags(tiny_digits: Path) -> None:
    args = ["-c", "mlp", "--data.val_size=40", "--logger.name=x"]
    base = resolve_config(args)
    trial = Trial(7, "complete", 0.9, VALUES)
    file = write_best(trial, base, Path())
    assert "dropout" not in file.read_text()
    own = [flag(key, value) for key, value in changes(trial, base).items()]
    assert len(own) == len(VALUES) - 1
    by_file = resolve_config([*args[:2], "-c", str(file), *args[2:]])
    assert by_file == resolve_config([*args, *own]) != base


def test_a_trial_that_changes_nothing_gives_an_empty_config(tiny_digits: Path) -> None:
    args = ["-c", "mlp", "--data.val_size=40", "--logger.name=x"]
    base = resolve_config(args)
    file = write_best(Trial(0, "complete", 0.9, {"model.lr": 0.01}), base, Path())
    assert resolve_config(["-c", "mlp", "-c", str(file), *args[2:]]) == base


def test_ranked_are_complete_trials_with_different_settings() -> None:
    trials = [
        Trial(0, "complete", 0.5, {"a": 1}),
        Trial(1, "pruned", 0.9, {"a": 2}),
        Trial(2, "complete", 0.7, {"a": 3}),
        Trial(3, "complete", 0.6, {"a": 3}),
        Trial(4, "failed", None, {"a": 4}, "no"),
        Trial(5, "complete", 0.5, {"a": 5}),
    ]
    assert [trial.number for trial in ranked(trials, maximize=True)] == [2, 0, 5]
    assert [trial.number for trial in ranked(trials, maximize=False)] == [0, 5, 3]
