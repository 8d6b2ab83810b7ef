"""``repeat --jobs``: runs at the same time, each as if it were alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deepdigits
from deepdigits.core.errors import InputError

SHORT = {
    "trainer.limit_train_batches": 5,
    "trainer.max_epochs": 2,
    "trainer.log_every_n_steps": 5,
    "model.hidden_sizes": [8],
}
LOGS = Path("lightning_logs")


def test_runs_at_the_same_time_are_those_of_one_after_the_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = deepdigits.repeat("mlp", 3, SHORT | {"logger.name": "together"}, jobs=2)
    out = capsys.readouterr().out
    assert [result.seed for result in made.results] == [0, 1, 2]
    for seed, result in enumerate(made.results):
        assert f"seed {seed}: accuracy {result.report['accuracy']:.2%}\n" in out
        assert "accuracy" in (LOGS / "together" / f"seed_{seed}.log").read_text()
    alone = deepdigits.train("mlp", SHORT | {"logger.name": "alone", "seed_everything": 2})
    one, other = (
        np.load(folder / "predictions.npz")["predicted"]
        for folder in (LOGS / "together" / "seed_2", alone.folder)
    )
    np.testing.assert_array_equal(one, other)
    capsys.readouterr()
    again = deepdigits.repeat("mlp", 3, SHORT | {"logger.name": "together"}, jobs=2)
    assert [r.report for r in again.results] == [r.report for r in made.results]
    assert "accuracy" not in capsys.readouterr().out  # nothing was trained again


def test_one_that_fails_is_named_and_the_others_are_kept() -> None:
    command = [sys.executable, "-m", "deepdigits", "repeat", "-c", "mlp", "--seeds", "2"]
    flags = [f"--{name}={value}" for name, value in SHORT.items()]
    blocked = LOGS / "mlp" / "seed_1"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file in place of the folder")
    done = subprocess.run([*command, *flags, "--jobs", "2"], capture_output=True, text=True)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr and "seed_1" in done.stderr
    assert (LOGS / "mlp" / "seed_0" / "report.json").is_file()


def test_no_jobs_are_refused() -> None:
    with pytest.raises(InputError, match="--jobs is 0"):
        deepdigits.repeat("mlp", 2, jobs=0)
