"""The nets learn real MNIST."""

from pathlib import Path

import pytest

from deepdigits.__main__ import run

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIGS = Path(__file__).parents[2] / "configs"


def accuracy(config, *flags):
    return run(["train", "-c", str(CONFIGS / config), *flags]).report_writer.report.accuracy


@pytest.mark.parametrize(
    "config, batches, size", [("mlp.yaml", "200", "256"), ("cnn.yaml", "100", "64")]
)
def test_short_training_passes_95_percent(config, batches, size):
    few = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", batches]
    few += ["--data.batch_size", size, "--data.eval_batch_size", "500"]
    few += ["--trainer.limit_val_batches", "1", "--trainer.limit_test_batches", "4"]
    assert accuracy(config, *few) > 0.95


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("config, bar", [("mlp.yaml", 0.986), ("cnn.yaml", 0.995)])
def test_full_training_reaches_its_bar(config, bar):
    assert accuracy(config) >= bar
