"""What a run shows while it is trained: curves, pictures and texts, in all loggers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from deepdigits.core.timing import Throughput
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.registry import Split
from deepdigits.plots.style import pixels
from deepdigits.training.callbacks import dashboard_images
from deepdigits.training.callbacks.probability_collector import ProbabilityCollector
from deepdigits.training.callbacks.run_folder import run_of
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
        every_n_epochs: Draw the figures of the validation every so many epochs and after the last
            one. 0: only after the last one.
    """

    def __init__(self, every_n_epochs: int = 10) -> None:
        self.every_n_epochs = every_n_epochs
        self._throughput = Throughput()
        self._outputs = ProbabilityCollector()

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
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        self._throughput.count(len(batch[0]) * trainer.world_size)
        if batch_idx == 0 and self._due(trainer) and boards(trainer):
            _show(trainer, dashboard_images.training_digits(batch[0]))
        period: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.logger is None or not period or trainer.global_step % period:
            return
        scalars = {
            # Lightning has divided the loss by the number of accumulated batches.
            "train/loss_step": outputs["loss"].item() * trainer.accumulate_grad_batches,
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "images_per_second": self._throughput.images_per_second,
            "epoch": trainer.current_epoch,
        }
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=trainer.global_step - 1)

    @override
    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if self._due(trainer):
            self._outputs.add(outputs)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._throughput.resume()
        if self._due(trainer):
            self._draw(trainer, pl_module, "val", "val")

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
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
            self._draw(trainer, pl_module, "test", trainer.datamodule.test_split)  # type: ignore[attr-defined]
            _hand_over(trainer, _OF_TEST)

    def _due(self, trainer: Trainer) -> bool:
        if trainer.sanity_checking or not has_boards(trainer) or trainer.state.fn != "fit":
            return False
        done = trainer.current_epoch + 1
        last = done == trainer.max_epochs or trainer.should_stop
        return last or (self.every_n_epochs > 0 and done % self.every_n_epochs == 0)

    def _draw(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        stage: Literal["val", "test"],
        split: Split,
    ) -> None:
        probabilities = self._outputs.take(trainer)
        data, shown_in = trainer.datamodule, boards(trainer)  # type: ignore[attr-defined]
        if not shown_in or not isinstance(data, DigitsDataModule):
            return
        assert isinstance(pl_module, LitClassifier)
        report = replace(pl_module.report(stage), class_names=data.class_names)
        step, names = trainer.global_step, data.class_names
        images, labels = data.images_and_labels(split)
        seen, classes = (part[: len(probabilities)].cpu() for part in (images, labels))
        _show(trainer, dashboard_images.evaluation(stage, report, seen, classes, probabilities))
        _show(trainer, dashboard_images.first_layer(pl_module.net))
        for board in shown_in:
            board.pr_curves(stage, classes, probabilities, names, step)
            if stage == "test":
                board.embedding(pl_module, images, labels, names, step)
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
