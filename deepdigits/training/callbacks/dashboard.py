"""The TensorBoard dashboard of a run."""

from collections.abc import Sequence
from dataclasses import replace
from textwrap import indent
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim import Optimizer
from torch.utils.tensorboard.writer import SummaryWriter
from typing_extensions import override

from deepdigits.core.timing import Throughput
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.registry import Split
from deepdigits.training.callbacks import dashboard_images, hyperparameters
from deepdigits.training.callbacks.evaluated import class_names, pictured_images, why_no_report
from deepdigits.training.callbacks.probability_collector import ProbabilityCollector
from deepdigits.training.callbacks.run_folder import run_of
from deepdigits.training.callbacks.step_outputs import loss_of, num_samples
from deepdigits.training.classifier import LitClassifier


class Dashboard(Callback):
    """Adds to the curves that the LightningModule logs: charts, images and tables.

    Charts of several curves (custom scalars), loss and learning rate within the epoch, images per
    second, figures, PR curves, the embedding of test digits, hyperparameters with their final
    metrics, report and config as text.

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
        writer = _writer(trainer)
        if writer is None or trainer.ckpt_path:
            return
        writer.add_custom_scalars(layout())
        run = run_of(trainer)
        if run is not None and run.config_file.is_file():
            # Indented: Markdown leaves it as it is.
            writer.add_text("config", indent(run.config_file.read_text(), "    "))
        # Written directly: the logger's log_hyperparams would add a first value of each metric.
        for summary in hyperparameters.hparams_summaries(trainer, pl_module):
            writer.file_writer.add_summary(summary)  # type: ignore[attr-defined]

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
        self._throughput.count(num_samples(batch) * trainer.world_size)
        if batch_idx == 0 and self._due(trainer) and (writer := _writer(trainer)) is not None:
            dashboard_images.training_digits(writer, trainer.global_step, batch)
        period: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.logger is None or not period or trainer.global_step % period:
            return
        scalars = {
            **learning_rates(trainer.optimizers),
            "images_per_second": self._throughput.images_per_second,
            "epoch": trainer.current_epoch,
        }
        if (loss := loss_of(outputs)) is not None:
            # Lightning has divided the loss by the number of accumulated batches.
            scalars["train/loss_step"] = loss * trainer.accumulate_grad_batches
        trainer.logger.log_metrics(scalars, step=trainer.global_step - 1)

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
    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if trainer.logger is not None:
            self._outputs.add(outputs)

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.logger is None:
            return
        split: Split = getattr(trainer.datamodule, "test_split", "test")  # type: ignore[attr-defined]
        self._draw(trainer, pl_module, "test", split)

    def _due(self, trainer: Trainer) -> bool:
        if trainer.sanity_checking or trainer.logger is None or trainer.state.fn != "fit":
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
        data, writer = trainer.datamodule, _writer(trainer)  # type: ignore[attr-defined]
        if why_no_report(pl_module, data, stage) or not isinstance(pl_module, LitClassifier):
            return
        report, step = pl_module.report(stage), trainer.global_step  # on all processes
        if writer is None:
            return
        pictured = pictured_images(data, split, probabilities, report)
        names = class_names(data, report.class_names)
        report = replace(report, class_names=names)
        dashboard_images.confusion(writer, step, stage, report)
        dashboard_images.first_layer(writer, step, pl_module.net)
        if pictured is not None:
            dashboard_images.evaluation(writer, step, stage, pictured, names)
        if stage == "test":
            if isinstance(data, DigitsDataModule) and pictured is not None:
                images, labels = data.images_and_labels(split)
                dashboard_images.embedding(writer, step, pl_module.net, images, labels, names)
            writer.add_text("report", report.to_markdown(), step)


def layout() -> dict[str, dict[str, list[Any]]]:
    """Charts of the custom scalars tab: category -> title -> kind and patterns of tags.

    >>> layout()["training"]["loss"]
    ['Multiline', ['^train/loss$', '^val/loss$']]
    """
    training = {
        name: ["Multiline", [f"^train/{name}$", f"^val/{name}$"]] for name in ("loss", "accuracy")
    }
    rest = {"learning rate": ["Multiline", ["^lr(/\\d+)?$"]]}
    rest["images per second"] = ["Multiline", ["^images_per_second$"]]
    classes = {
        name: ["Multiline", [rf"^val/{name}/\d+$"]] for name in ("f1", "precision", "recall")
    }
    return {"training": training | rest, "validation, each class": classes}


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


def _writer(trainer: Trainer) -> SummaryWriter | None:
    if isinstance(trainer.logger, TensorBoardLogger) and trainer.is_global_zero:
        writer: SummaryWriter = trainer.logger.experiment
        return writer
    return None
