"""The short training that the tests interrupt: real digits, with dropout and augmentation."""

import json
from pathlib import Path

import torch
from shell import ROOT
from torch import Tensor

RUN = Path("lightning_logs/mlp/a")
LAST = RUN / "checkpoints" / "last.ckpt"
EPOCHS, BATCHES = 3, 16
TRAIN = ["train", "-c", str(ROOT / "configs" / "mlp.yaml"), "--model.dropout", "0.2"]
TRAIN += ["--trainer.max_epochs", str(EPOCHS), "--trainer.limit_train_batches", str(BATCHES)]
TRAIN += ["--last_checkpoint.every_n_steps", "3", "--logger.version", "a"]
TRAIN += ["--trainer.enable_progress_bar", "false"]
RESUME = ["train", "--resume", str(RUN)]
TIMES = ("training_seconds", "git_commit", "checkpoint_sha256")


def weights(folder: Path, name: str = "last.ckpt") -> dict[str, Tensor]:
    """Weights of a run in a folder, by name."""
    path = folder / RUN / "checkpoints" / name
    state: dict[str, Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


def report(folder: Path) -> dict[str, object]:
    """The report of a finished run without times and commit."""
    content = json.loads((folder / RUN / "report.json").read_text())
    return {key: value for key, value in content.items() if key not in TIMES}


def same_bytes(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether two nets have the same weights, bit by bit."""
    return a.keys() == b.keys() and all(
        a[name].numpy().tobytes() == b[name].numpy().tobytes() for name in a
    )


def same_run(a: Path, b: Path) -> bool:
    """Whether two runs ended with the same last and best weights and the same report."""
    nets = (same_bytes(weights(a, n), weights(b, n)) for n in ("last.ckpt", "best.ckpt"))
    return all(nets) and report(a) == report(b)
