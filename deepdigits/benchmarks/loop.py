"""``bench loop``: an epoch of `deepdigits fit`, of Lightning barebones and of plain PyTorch."""

import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from deepdigits.benchmarks.plain_pytorch import plain_pytorch_seconds
from deepdigits.benchmarks.timing import Result, compared, measure
from deepdigits.core.errors import InputError
from deepdigits.core.timing import clock
from deepdigits.data.module import DigitsDataModule
from deepdigits.runs.bundled_configs import config_path
from deepdigits.runs.report import TRAINING
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.execution import execute
from deepdigits.training.threads import fastest_threads

_OTHER_CONFIG = "benchmarks take a config of a LitClassifier and the data module of the package"
_ONLY_DEFAULT = {
    "max_steps": -1,
    "accumulate_grad_batches": 1,
    "overfit_batches": 0.0,
    "gradient_clip_val": None,
}
OURS, BAREBONES, PLAIN = "deepdigits fit, everything on", "Lightning barebones", "plain PyTorch"


def bench_loop(config: str = "mlp", epochs: int | None = None, repeats: int = 3) -> Result:
    """Measure the time of an epoch of the same training in three loops, alternately.

    Net, data, order, augmentation, optimizer, schedule and the validation after each epoch are the
    same in all three. `deepdigits fit` also computes metrics, logs to TensorBoard, draws figures,
    saves checkpoints and checks for early stopping. Lightning barebones runs the same module
    without logger, checkpoints, callbacks and progress bar. Reading the data is not measured.

    Args:
        config: A runnable config of a LitClassifier and the DigitsDataModule.
        epochs: Epochs of each training. None: as in the config.
        repeats: Trainings of each loop.

    Raises:
        InputError: The config cannot be read or is wrong.
    """
    args = [
        "-c",
        config_path(config),
        *([] if epochs is None else ["--trainer.max_epochs", str(epochs)]),
    ]
    built = build(args)
    epochs = built.trainer.max_epochs
    assert epochs is not None
    args += threads_of(built)  # the same for all
    warm_up(args)
    seconds = measure(
        {
            OURS: lambda: fit_seconds(args) / epochs,
            BAREBONES: lambda: barebones_seconds(args) / epochs,
            PLAIN: lambda: plain_pytorch_seconds(build(args), epochs) / epochs,
        },
        repeats,
    )
    bases = {PLAIN: "to plain", BAREBONES: "to barebones"}
    return compared("loop", f"one epoch of {config}, mean of {epochs}", seconds, bases)


def threads_of(built: DigitsCLI) -> list[str]:
    """Options with the number of threads of a config, or the one that its training would choose.

    It is also that of this process from now on.
    """
    threads = built.config.num_threads
    if threads is None:
        with quiet():
            threads = fastest_threads(built.model, built.datamodule, built.trainer)
    if threads is None:
        return []
    torch.set_num_threads(threads)
    return ["--num_threads", str(threads)]


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the output, the log messages and the warnings of a run; errors are raised as usual."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # for example that barebones logs nothing
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def warm_up(args: Sequence[str]) -> None:
    """Train a few batches, unmeasured: the first training of a process also loads its libraries."""
    few = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "5"]
    fit_seconds([*args, *few, "--trainer.limit_val_batches", "2"])


class _Clock(Callback):
    """Measures the time from the first batch to the end of the training."""

    seconds = 0.0

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = clock(trainer.strategy.root_device)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seconds = clock(trainer.strategy.root_device) - self._start


def fit(args: Sequence[str], folder: str) -> tuple[DigitsCLI, float]:
    """Run ``deepdigits fit`` without output, with its run folder inside `folder`.

    Returns:
        The CLI, and the seconds of training in the run's training.json.
    """
    with quiet():
        # Never stop early, so that all loops do the same work; early stopping still checks.
        patience = ["--early_stopping.patience", "1000000"]
        done = execute("fit", [*args, *patience, "--logger.save_dir", folder])
    facts = json.loads(Path(str(done.run_folder), TRAINING).read_text())
    return done, float(facts["training_seconds"])


def fit_seconds(args: Sequence[str]) -> float:
    """Seconds of the training of ``deepdigits fit``, with all its features."""
    with TemporaryDirectory() as folder:
        return fit(args, folder)[1]


def barebones_seconds(args: Sequence[str]) -> float:
    """Seconds of the same training by ``Trainer(barebones=True)``, Lightning's least overhead."""
    clock = _Clock()
    with quiet():
        built = build(args)
        settings = built.config.trainer
        trainer = Trainer(
            barebones=True,
            callbacks=[clock],
            max_epochs=settings.max_epochs,
            accelerator=settings.accelerator,
            devices=settings.devices,
            precision=settings.precision,
            benchmark=settings.benchmark,
            limit_train_batches=settings.limit_train_batches,
            limit_val_batches=settings.limit_val_batches,
        )
        trainer.fit(built.model, built.datamodule)
    return clock.seconds


def build(args: Sequence[str], folder: str | None = None) -> DigitsCLI:
    """Build net, data and trainer of a config, without training.

    Args:
        args: Config and flags.
        folder: Folder of the run, if the caller trains it.

    Raises:
        InputError: Its net is no LitClassifier, or its data module no DigitsDataModule.
    """
    with TemporaryDirectory() as unused, quiet():
        built = DigitsCLI("fit", [*args, "--logger.save_dir", folder or unused])
    if not isinstance(built.model, LitClassifier):
        raise InputError(f"{type(built.model).__name__} is not a LitClassifier: {_OTHER_CONFIG}")
    if not isinstance(built.datamodule, DigitsDataModule):
        name = type(built.datamodule).__name__
        raise InputError(f"{name} is not a DigitsDataModule: {_OTHER_CONFIG}")
    for name, default in _ONLY_DEFAULT.items():
        if (value := built.config.trainer[name]) != default:
            raise InputError(
                f"trainer.{name} is {value!r}, and the loops of a benchmark have no such setting: "
                "benchmarks take a config without it"
            )
    return built
