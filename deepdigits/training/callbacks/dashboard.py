"""What a run shows while it is trained: curves, pictures and texts, in all loggers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer
from typing_extensions import override

from deepdigits.core.timing import Throughput
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.registry import Split
from deepdigits.plots.style import pixels
from deepdigits.training.callbacks import dashboard_images
from deepdigits.training.callbacks.evaluated import class_names, pictured_images, why_no_report
from deepdigits.training.callbacks.probability_collector import ProbabilityCollector
from deepdigits.training.callbacks.run_folder import run_of
from deepdigits.training.callbacks.step_outputs import loss_of, num_samples
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.trackers.boards import boards, has_boards

# What a tracker gets of the run folder.
_OF_TRAINING = ("training.json", "curves.csv", "curves.png")
_OF_TEST = ("report.json", "report.md", "confusion.png", "mistakes.png")


class Dashboard(Callback):
    """Adds to the curves that the LightningModule logs.

    All loggers get loss and learning rate within the epoch, and images per second. Those that take
    them get figures, texts and files: TensorBoard also charts of several curves (custom scalars),
    PR curves, the embedding of test digits, and hyperparameters with their final metrics.

    Args:
        every_n_epochs: Draw the figures of the validation every so many epochs and after the
            training. 0: only after the training.
    """

    def __init__(self, every_n_epochs: int = 10) -> None:
        self.every_n_epochs = every_n_epochs
        self._throughput = Throughput()
        self._outputs = ProbabilityCollector()
        self._first_batch: Any = None  # of the epoch
        self._validated = False  # whether there is a validation that is not drawn yet

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        run = run_of(trainer)
        config = run.config_file if run is not None and run.config_file.is_file() else None
        for board in boards(trainer):
            board.start(trainer, pl_module, config)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # An epoch that is resumed in its middle does not call on_train_epoch_start.
        self._throughput.start()

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._throughput.start()

    @override
    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        period: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        logs = trainer.logger is not None and period and trainer.global_step % period == 0
        loss = loss_of(outputs) if logs else None  # waits for a GPU: before the clock is read
        self._throughput.count(num_samples(batch) * trainer.world_size)
        if batch_idx == 0 and has_boards(trainer):
            self._first_batch = batch
        if not logs:
            return
        scalars = {
            **learning_rates(trainer.optimizers),
            "images_per_second": self._throughput.images_per_second,
            "epoch": trainer.current_epoch,
        }
        if loss is not None:
            # Lightning has divided the loss by the number of accumulated batches.
            scalars["train/loss_step"] = loss * trainer.accumulate_grad_batches
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=trainer.global_step - 1)

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._outputs = ProbabilityCollector()

    @override
    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking and has_boards(trainer):
            self._outputs.add(outputs)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._throughput.resume()
        if trainer.state.fn == "fit" and not trainer.sanity_checking and has_boards(trainer):
            self._validated = True
            done = trainer.current_epoch + 1
            # The last epoch is drawn after the training.
            if (
                self.every_n_epochs
                and not done % self.every_n_epochs
                and done != trainer.max_epochs
            ):
                self._draw_training(trainer, pl_module)

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._draw_training(trainer, pl_module)
        _hand_over(trainer, _OF_TRAINING)

    @override
    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if has_boards(trainer):
            self._outputs.add(outputs)

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if has_boards(trainer):
            split: Split = getattr(trainer.datamodule, "test_split", "test")  # type: ignore[attr-defined]
            self._draw(trainer, pl_module, "test", split)
            _hand_over(trainer, _OF_TEST)

    def _draw_training(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw what was trained on and validated since the last figures."""
        if self._first_batch is not None:
            _show(trainer, dashboard_images.training_digits(self._first_batch))
        if self._validated:
            self._draw(trainer, pl_module, "val", "val")
        self._first_batch, self._validated = None, False

    def _draw(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        stage: Literal["val", "test"],
        split: Split,
    ) -> None:
        probabilities = self._outputs.take(trainer)
        data, shown_in = trainer.datamodule, boards(trainer)  # type: ignore[attr-defined]
        if why_no_report(pl_module, data, stage) or not isinstance(pl_module, LitClassifier):
            return
        report, step = pl_module.report(stage), trainer.global_step  # on all processes
        if not shown_in:
            return
        pictured = pictured_images(data, split, probabilities, report)
        names = class_names(data, report.class_names)
        report = replace(report, class_names=names)
        _show(trainer, dashboard_images.confusion(stage, report))
        _show(trainer, dashboard_images.first_layer(pl_module.net))
        if pictured is not None:
            _show(trainer, dashboard_images.evaluation(stage, pictured, names))
        for board in shown_in:
            if pictured is not None:
                board.pr_curves(stage, pictured.labels, pictured.probabilities, names, step)
            if stage == "test":
                if isinstance(data, DigitsDataModule) and pictured is not None:
                    board.embedding(pl_module, *data.images_and_labels(split), names, step)
                board.text("report", report.to_markdown(), step)


def _show(trainer: Trainer, figures: dashboard_images.Figures) -> None:
    """Show figures, each drawn once."""
    for tag, figure in figures.items():
        image = pixels(figure)
        for board in boards(trainer):
            board.image(tag, image, trainer.global_step)


def _hand_over(trainer: Trainer, names: Sequence[str]) -> None:
    """Give files of the run folder to the loggers that take files."""
    run = run_of(trainer)
    paths = [] if run is None else [run.folder / name for name in names]
    found = [path for path in paths if path.is_file()]
    for board in boards(trainer):
        board.files(found)


def learning_rates(optimizers: Sequence[Optimizer]) -> dict[str, float]:
    """The learning rate of each optimizer: ``lr``, then ``lr/1`` and so on; those that have one.

    >>> import torch
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> learning_rates([torch.optim.SGD([weight], 0.5), torch.optim.Adam([weight], 0.25)])
    {'lr': 0.5, 'lr/1': 0.25}
    """
    groups = [one.param_groups[0] if one.param_groups else {} for one in optimizers]
    return {
        f"lr/{number}" if number else "lr": float(group["lr"])
        for number, group in enumerate(groups)
        if "lr" in group
    }
