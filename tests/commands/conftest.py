"""Run folders without a training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.metrics import classification_report, confusion_matrix

from deepdigits.runs import predictions

LABELS = np.arange(1000) % 10


def _config(folder: Path, seed: int | None, lr: float, dataset: str) -> dict[str, Any]:
    return {
        "seed_everything": seed,
        "trainer": {"max_epochs": 10, "enable_progress_bar": None},
        "model": {"class_path": "deepdigits.LitMLP", "init_args": {"lr": lr}},
        "data": {"dataset": dataset, "data_dir": None},
        "logger": {"save_dir": "lightning_logs", "version": folder.name},
        "ckpt_path": None,
    }


@pytest.fixture
def make_run() -> Callable[..., Path]:
    """Writes a run that gets the given digits of 1,000 wrong, each taken for the next class."""

    def make(
        folder: str | Path,
        wrong: Any,
        seed: int | None = 0,
        lr: float = 0.1,
        dataset: str = "mnist",
        saved: bool = True,
        **facts: Any,
    ) -> Path:
        folder = Path(folder)
        folder.mkdir(parents=True)
        config = _config(folder, seed, lr, dataset)
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        predicted = LABELS.copy()
        predicted[list(wrong)] = (LABELS[list(wrong)] + 1) % 10
        if saved:
            predictions.write(folder, "test", predicted, LABELS)
        judge = classification_report(LABELS, predicted, output_dict=True, zero_division=0)
        report = {
            "overall": {"num_samples": len(LABELS)},
            "class": {str(label): {"f1": judge[str(label)]["f1-score"]} for label in range(10)},
            "accuracy": judge["accuracy"],
            "f1_macro": judge["macro avg"]["f1-score"],
            "loss": 0.1,
            "errors": len(wrong),
            "confusion_matrix": confusion_matrix(LABELS, predicted).tolist(),
            "dataset": dataset,
            "split": "test",
            "parameters": 109_770,
            "epochs": 10,
            "training_seconds": 12.0,
            **facts,
        }
        (folder / "report.json").write_text(json.dumps(report))
        return folder

    return make
