"""The saved predictions agree with the report, and are complete."""

import json

import numpy as np
import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from sklearn.metrics import confusion_matrix

from deepdigits import DigitsDataModule, LitMLP
from deepdigits.runs import predictions
from deepdigits.training.callbacks.report_writer import ReportWriter


@pytest.fixture
def tested(make_trainer, tmp_path, tiny_digits):
    """Tests an untrained net; returns the saved predictions and the report's confusion matrix."""

    def test(eval_batch_size=2_000, split="test", **limits):
        logger = TensorBoardLogger(tmp_path, name="mlp", version="run")
        trainer = make_trainer(logger=logger, callbacks=[ReportWriter()], **limits)
        data = DigitsDataModule(
            batch_size=32, val_size=50, eval_batch_size=eval_batch_size, test_split=split
        )
        trainer.test(LitMLP(norm=False), data, verbose=False)
        report = tmp_path / "mlp/run" / predictions.of_split("report.json", split)
        confusion = json.loads(report.read_text())["confusion_matrix"]
        return predictions.read(tmp_path / "mlp/run", split), confusion

    return test


@pytest.mark.parametrize("eval_batch_size", [1, 7, 130, 2_000])
def test_predictions_are_in_order_and_agree_with_the_report(tested, tiny_arrays, eval_batch_size):
    saved, confusion = tested(eval_batch_size)
    assert (saved.labels == tiny_arrays["t10k-labels-idx1-ubyte"]).all()
    assert len(np.unique(saved.predicted)) > 1
    counted = confusion_matrix(saved.labels, saved.predicted, labels=range(10))
    assert counted.tolist() == confusion


def test_a_limit_keeps_the_first_images(tested, tiny_arrays):
    saved, confusion = tested(eval_batch_size=20, limit_test_batches=2)
    assert (saved.labels == tiny_arrays["t10k-labels-idx1-ubyte"][:40]).all()
    assert np.sum(confusion) == 40


def test_another_split_has_another_file(tested, tmp_path):
    saved, _ = tested(split="val")
    assert len(saved.labels) == 50
    assert not (tmp_path / "mlp/run/predictions.npz").exists()
