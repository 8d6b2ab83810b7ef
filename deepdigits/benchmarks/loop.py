"""``bench loop``: an epoch of ours with everything on, of Lightning barebones, and by hand."""

import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from lightning.pytorch import Callback, LightningModule, Trainer

from deepdigits.benchmarks.plain_pytorch import plain_pytorch_seconds
from deepdigits.benchmarks.timing import Result, check_config, compared, measure
from deepdigits.runs.report import TRAINING
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.execution import execute

OURS, BAREBONES, HAND = "deepdigits fit, everything on", "Lightning barebones", "PyTorch by hand"


def bench_loop(
    config: str = "configs/mlp.yaml", epochs: int | None = None, repeats: int = 3
) -> Result:
    """Time an epoch of the same training in three loops, which take turns.

    Net, data, order, augmentation, optimizer, schedule and the validation after each epoch are the
    same in all three. Ours also counts metrics, logs to TensorBoard, draws its pictures, saves
    checkpoints and looks for the end (early stopping). Lightning barebones runs the same module
    without logger, checkpoints, callbacks and bar; the loop by hand is plain PyTorch. Reading the
    data is outside the clock.

    Args:
        config: A runnable config; must be a subclass of LitClassifier on the DigitsDataModule.
        epochs: Epochs of each training. None: those of the config.
        repeats: Trainings of each.

    Raises:
        InputError: The config cannot be read or is wrong.
    """
    check_config(config)
    args = ["-c", config, *([] if epochs is None else ["--trainer.max_epochs", str(epochs)])]
    epochs = build(args).trainer.max_epochs
    assert epochs is not None
    seconds = measure(
        {
            OURS: lambda: fit_seconds(args) / epochs,
            BAREBONES: lambda: barebones_seconds(args) / epochs,
            HAND: lambda: plain_pytorch_seconds(build(args), epochs) / epochs,
        },
        repeats,
    )
    bases = {HAND: "to by hand", BAREBONES: "to barebones"}
    return compared("loop", f"one epoch of {config}, mean of {epochs}", seconds, bases)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Lightning and a run say; errors are exceptions."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # such as: barebones logs nothing
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Clock(Callback):
    """Takes the time from the first batch to the end of the training."""

    seconds = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start."""
        self._start = perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop."""
        self.seconds = perf_counter() - self._start


def fit(args: Sequence[str], folder: str) -> tuple[DigitsCLI, float]:
    """Run ``deepdigits fit`` as users do, its run folder below a given one, without its lines.

    Returns:
        The CLI, and the seconds of training as the run itself notes them.
    """
    with quiet():
        # No early end, which would compare different amounts of work; it is still looked for.
        patience = ["--early_stopping.patience", "1000000"]
        done = execute("fit", [*args, *patience, "--logger.save_dir", folder])
    facts = json.loads(Path(str(done.trainer.log_dir), TRAINING).read_text())
    return done, float(facts["training_seconds"])


def fit_seconds(args: Sequence[str]) -> float:
    """Seconds of training of ``deepdigits fit`` with everything on."""
    with TemporaryDirectory() as folder:
        return fit(args, folder)[1]


def barebones_seconds(args: Sequence[str]) -> float:
    """Seconds of the same training by ``Trainer(barebones=True)``, Lightning's measuring floor."""
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
            limit_val_batches=settings.limit_val_batches,
        )
        trainer.fit(built.model, built.datamodule)
    return clock.seconds


def build(args: Sequence[str], folder: str | None = None) -> DigitsCLI:
    """Net, data and trainer of a fit that is not run.

    Args:
        args: Config and flags.
        folder: Where its runs would go. None: it will not be run.
    """
    with TemporaryDirectory() as passing, quiet():
        return DigitsCLI("fit", [*args, "--logger.save_dir", folder or passing])
