"""The TensorBoard dashboard of a run."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.tensorboard.summary import hparams

# The figures that the HPARAMS tab shows of each run.
FINAL_METRICS = ("val/accuracy", "val/f1_macro", "val/loss", "test/accuracy", "test/f1_macro")


class Dashboard(Callback):
    """Adds to the curves of the LightningModule what makes them a dashboard.

    One page of charts with several curves each (the custom scalars tab), the loss and learning rate
    within the epoch, and the hyper-parameters with their final metrics.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the layout and the hyper-parameters, once a run."""
        writer = _writer(trainer)
        if writer is None or trainer.global_step:
            return
        writer.add_custom_scalars(layout())
        data = {"seed": getattr(trainer.datamodule, "seed", None)}  # type: ignore[attr-defined]
        data["batch_size"] = getattr(trainer.datamodule, "batch_size", None)  # type: ignore[attr-defined]
        params = {
            "model": type(pl_module).__name__,
            **{name: _plain(value) for name, value in {**pl_module.hparams, **data}.items()},
        }
        # Written directly: the logger's log_hyperparams would add a first value of each metric.
        metrics = dict.fromkeys(FINAL_METRICS, 0.0)
        for summary in hparams(params, metrics):  # type: ignore[no-untyped-call]
            writer.file_writer.add_summary(summary)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        """Every log_every_n_steps: loss of the batch and learning rate."""
        period: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.logger is None or not period or trainer.global_step % period:
            return
        figures = {
            "train/loss_step": outputs["loss"].item(),
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "epoch": trainer.current_epoch,
        }
        trainer.logger.log_metrics(figures, step=trainer.global_step - 1)


def layout() -> dict[str, dict[str, list[Any]]]:
    """Charts of the custom scalars tab: category -> title -> kind and patterns of tags.

    >>> layout()["training"]["loss"]
    ['Multiline', ['^train/loss$', '^val/loss$']]
    """
    training = {
        name: ["Multiline", [f"^train/{name}$", f"^val/{name}$"]] for name in ("loss", "accuracy")
    }
    classes = {
        name: ["Multiline", [rf"^val/{name}/\d+$"]] for name in ("f1", "precision", "recall")
    }
    return {"training": training, "validation, each class": classes}


def _writer(trainer: Trainer) -> Any:
    if isinstance(trainer.logger, TensorBoardLogger) and trainer.is_global_zero:
        return trainer.logger.experiment
    return None


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)
