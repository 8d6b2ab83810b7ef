"""Trained runs, tiny."""

from pathlib import Path

import pytest

from deepdigits.__main__ import run

NETS = {
    "mlp": ["--model", "LitMLP", "--model.hidden_sizes", "[8]"],
    "cnn": ["--model", "LitCNN", "--model.channels", "[4]", "--model.kernel_sizes", "[5]"],
}


@pytest.fixture
def make_run(tiny_digits: Path, tmp_path: Path):
    """Trains an MLP or a CNN on the tiny digits."""

    def make(net: str) -> str:
        more = [
            "--data.val_size",
            "40",
            "--data.batch_size",
            "64",
            "--trainer.log_every_n_steps",
            "1",
            "--trainer.max_epochs",
            "2",
            "--logger.version",
            "run",
        ]
        run(["train", *NETS[net], *more, "--trainer.enable_progress_bar", "false"])
        return f"lightning_logs/{net}/run"

    return make
