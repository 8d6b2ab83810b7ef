"""Progress bar, dashboard and validation settings do not change the weights of a run."""

from pathlib import Path

import pytest
from ledger import Ledger
from shell import finish
from trainings import RUN, TRAIN, report, same_bytes, weights

VARIANTS = {
    "no sanity check": ["--trainer.num_sanity_val_steps", "0"],
    "progress bar": ["--trainer.enable_progress_bar", "true"],
    "no dashboard": ["--trainer.logger", "false", "--checkpoint.dirpath", "{run}/checkpoints"],
    "pictures each epoch": ["--dashboard.every_n_epochs", "1"],
    "eval batches of 777": ["--data.eval_batch_size", "777"],
}


@pytest.mark.reliability
@pytest.mark.parametrize("variant", VARIANTS)
def test_observing_a_run_changes_no_byte(
    variant: str, unbroken: Path, tmp_path: Path, ledger: Ledger
) -> None:
    with ledger("sanity check, bar, dashboard, pictures, eval batch otherwise: same weights"):
        flags = [flag.format(run=RUN) for flag in VARIANTS[variant]]
        code, text = finish([*TRAIN, *flags], tmp_path)
        assert code == 0, text
        assert same_bytes(weights(tmp_path), weights(unbroken))
        if variant != "no dashboard":  # without a logger there is no run folder for a report
            one, other = report(unbroken), report(tmp_path)
            assert one.pop("loss") == pytest.approx(other.pop("loss"), rel=1e-6)
            assert one == other
