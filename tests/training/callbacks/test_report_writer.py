"""The files that a training leaves in its run folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from deepdigits import DigitsDataModule, LitMLP
from deepdigits.runs.curves import read_curves
from deepdigits.training.callbacks.report_writer import ReportWriter

MakeTrainer = Callable[..., Trainer]
CLASSES = {f"val/{name}/{label}" for name in ("precision", "recall", "f1") for label in range(10)}
TAGS = {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/f1_macro"} | CLASSES


@pytest.fixture
def fit(
    make_trainer: MakeTrainer, tiny_digits: Path, tmp_path: Path
) -> Callable[..., ReportWriter]:
    """Train a tiny MLP with a report writer, in the run folder tmp_path/a/b."""

    def fit(
        state: dict[str, Any] | None = None, path: Path | None = None, **settings: Any
    ) -> ReportWriter:
        writer = ReportWriter()
        if state is not None:
            writer.load_state_dict(state)
        logger = TensorBoardLogger(tmp_path, name="a", version="b")
        trainer = make_trainer(callbacks=[writer], logger=logger, log_every_n_steps=5, **settings)
        data = DigitsDataModule(batch_size=50, val_size=50)
        trainer.fit(LitMLP(hidden_sizes=[8]), data, ckpt_path=path, weights_only=True)
        trainer.save_checkpoint(tmp_path / "saved.ckpt")
        return writer

    return fit


def test_curves_have_a_row_for_each_epoch_and_no_stale_values(
    fit: Callable[..., ReportWriter], tmp_path: Path
) -> None:
    fit(max_epochs=3, check_val_every_n_epoch=2)
    curves = read_curves(tmp_path / "a" / "b")
    assert set(curves) == {"epoch"} | TAGS
    assert curves["epoch"].tolist() == [1, 2, 3]
    assert np.isfinite(curves["train/loss"]).all()
    for tag in TAGS - {"train/loss", "train/accuracy"}:
        assert np.isnan(curves[tag]).tolist() == [True, False, True], tag


def test_of_several_validations_in_an_epoch_the_last_is_kept(
    fit: Callable[..., ReportWriter], tmp_path: Path
) -> None:
    writer = fit(max_epochs=2, val_check_interval=2)
    curves = read_curves(tmp_path / "a" / "b")
    assert curves["epoch"].tolist() == [1, 2]
    assert len(writer.state_dict()["history"]["val/loss"]) == 2


def test_resumed_curves_go_on_and_keep_the_epochs_before(
    fit: Callable[..., ReportWriter], tmp_path: Path
) -> None:
    fit(max_epochs=2)
    before = read_curves(tmp_path / "a" / "b")
    fit(max_epochs=3, path=tmp_path / "saved.ckpt")
    after = read_curves(tmp_path / "a" / "b")
    assert after["epoch"].tolist() == [1, 2, 3]
    for tag in TAGS:
        np.testing.assert_array_equal(after[tag][:2], before[tag])


def test_a_history_of_version_0_1_goes_on(fit: Callable[..., ReportWriter], tmp_path: Path) -> None:
    """It has loss and accuracy only, without the figures of each class."""
    tags = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")
    fit(state={"history": {tag: [(0, 0.5)] for tag in tags}, "seconds": 1.0}, max_epochs=1)
    curves = read_curves(tmp_path / "a" / "b")
    assert curves["epoch"].tolist() == [0, 1]
    assert curves["val/loss"][0] == 0.5
    assert np.isnan(curves["val/f1/0"]).tolist() == [True, False]
