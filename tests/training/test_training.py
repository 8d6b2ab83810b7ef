"""The nets learn real MNIST."""

from pathlib import Path

import pytest

from deepdigits.__main__ import run

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIGS = Path(__file__).parents[2] / "configs"


def accuracy(config, *flags):
    return run(["train", "-c", str(CONFIGS / config), *flags]).report_writer.report.accuracy


@pytest.mark.parametrize("config, batches", [("mlp.yaml", "200"), ("cnn.yaml", "80")])
def test_short_training_passes_95_percent(config, batches):
    few = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", batches]
    assert accuracy(config, *few) > 0.95


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("config, bar", [("mlp.yaml", 0.986), ("cnn.yaml", 0.995)])
def test_full_training_reaches_its_bar(config, bar):
    assert accuracy(config) >= bar
