"""Same config and seed, same bytes, whatever watches the run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from shell import finish
from trainings import TRAIN, report, same_bytes, weights

VARIANTS = {
    "no sanity check": ["--trainer.num_sanity_val_steps", "0"],
    "progress bar": ["--trainer.enable_progress_bar", "true"],
    "no dashboard": ["--trainer.logger", "false", "--checkpoint.dirpath", "{run}/checkpoints"],
    "pictures each epoch": ["--dashboard.every_n_epochs", "1"],
    "eval batches of 777": ["--data.eval_batch_size", "777"],
}


@pytest.mark.reliability
def test_what_watches_a_run_changes_no_byte(tmp_path: Path, ledger: Callable[..., None]) -> None:
    folders = {name: tmp_path / name for name in ("as it is", *VARIANTS)}
    for name, folder in folders.items():
        folder.mkdir()
        flags = [f.format(run="lightning_logs/mlp/a") for f in VARIANTS.get(name, [])]
        code, said = finish([*TRAIN, *flags], folder)
        assert code == 0, said
    first = folders["as it is"]
    for name in VARIANTS:
        assert same_bytes(weights(folders[name]), weights(first)), name
        if name != "no dashboard":  # without a logger there is no run folder to report into
            one, other = report(first), report(folders[name])
            assert one.pop("loss") == pytest.approx(other.pop("loss"), rel=1e-6), name
            assert one == other, name
    ledger(
        "sanity check, bar, dashboard on and off, another eval batch: same weights", len(VARIANTS)
    )
