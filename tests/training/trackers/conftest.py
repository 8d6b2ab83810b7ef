"""Trainings of the tiny dataset that log somewhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepdigits.__main__ import run
from deepdigits.runs.run import Run

MLP = str(Path(__file__).parents[3] / "configs" / "mlp.yaml")
FEW = ["--data.val_size", "40", "--data.batch_size", "65", "--trainer.max_epochs", "2"]
FEW += ["--trainer.log_every_n_steps", "1", "--trainer.enable_progress_bar", "false"]
COMPLETE = {"report.json", "curves.csv", "curves.png", "finished.json", "checkpoints/best.ckpt"}

# Of a user: without save_dir, log_dir, name and version. What it gets is in own.jsonl.
OWN = """
import json, time
from lightning.pytorch.loggers import CSVLogger, Logger


class Own(Logger):
    def __init__(self, fails: str = "", kind: str = "OSError", after: int = 0):
        super().__init__()
        self.fails, self.kind, self.after = fails, kind, after
        self._check("__init__")

    def _check(self, method):
        if method != self.fails:
            return
        self.after -= 1
        if self.after >= 0:
            return
        if self.kind == "hangs":
            time.sleep(30)
        if self.kind == "exits":
            raise SystemExit(3)
        raise OSError(28, "No space left on https://me:secret@server")

    def _got(self, method, value):
        self._check(method)
        with open("own.jsonl", "a") as file:
            print(json.dumps([method, value]), file=file)

    @property
    def name(self):
        self._check("name")

    @property
    def version(self):
        self._check("version")

    @property
    def experiment(self):
        self._check("experiment")
        return "my experiment"

    def log_metrics(self, metrics, step=None):
        self._got("log_metrics", {**metrics, "step": step})

    def log_hyperparams(self, params, *args, **kwargs):
        self._got("log_hyperparams", sorted(params))

    def log_graph(self, model, input_array=None):
        self._got("log_graph", type(model).__name__)

    def save(self):
        self._got("save", None)

    def finalize(self, status):
        self._got("finalize", status)

    def after_save_checkpoint(self, callback):
        self._got("after_save_checkpoint", callback.monitor)

    def own_method(self, value):
        self._got("own_method", value)
        return value + 1


class FullDisk(CSVLogger):
    def log_metrics(self, metrics, step=None):
        raise OSError(28, "No space left on device")
"""


@pytest.fixture
def own_logger(tmp_path: Path) -> None:
    """The module own_logger, in the working directory."""
    (tmp_path / "own_logger.py").write_text(OWN)


@pytest.fixture
def train(tiny_digits: Path) -> Callable[..., Run]:
    """Trains two epochs of an MLP on the tiny dataset, and tests it: the run folder is complete."""

    def call(*args: str, resume: Run | None = None) -> Run:
        before = dict(os.environ)
        how = ["-c", MLP, *FEW] if resume is None else ["--resume", str(resume.folder)]
        cli: Any = run(["train", *how, *args])
        assert dict(os.environ) == before
        assert {path for path in COMPLETE if not (cli.run_folder / path).is_file()} == set()
        return Run(cli.run_folder)

    return call
