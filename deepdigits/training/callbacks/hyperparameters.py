"""The row of a run in TensorBoard's HPARAMS tab: its settings and its final metrics."""

from inspect import Parameter, signature
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard.summary import hparams

from deepdigits.core.errors import one_line
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.stored_settings import readable

# The columns that are shown first. TensorBoard selects five: those that are marked as differing
# before the others, in alphabetical order.
FIRST_COLUMNS = ("dataset", "lr", "max_epochs", "model", "seed")
FINAL_METRICS = ("test/accuracy", "val/accuracy", "test/f1_macro", "val/f1_macro", "val/loss")
Settings = dict[str, int | float | str]


def hparams_summaries(trainer: Trainer, pl_module: LightningModule) -> list[Any]:
    """The summaries that add a run to the table.

    TensorBoard takes the columns from any one of the runs: so each run lists those of all nets.
    """
    own = settings(trainer, pl_module)
    metrics = dict.fromkeys(FINAL_METRICS, 0.0)
    columns, _, _ = hparams(_defaults() | own, metrics)  # type: ignore[no-untyped-call]
    _, start, end = hparams(own, metrics)  # type: ignore[no-untyped-call]
    plugin = columns.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(plugin.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in FIRST_COLUMNS
    plugin.content = content.SerializeToString()
    return [columns, start, end]


def settings(trainer: Trainer, pl_module: LightningModule) -> Settings:
    """The settings of a run that are compared with those of others: numbers and texts."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    return _plain(
        {
            "model": type(pl_module).__name__,
            "max_epochs": trainer.max_epochs,
            **pl_module.hparams,
            "dataset": getattr(data, "dataset_name", None),
            "batch_size": getattr(data, "batch_size", None),
            "seed": getattr(data, "seed", None),
        }
    )


def _defaults() -> Settings:
    """Default settings of all subclasses of LitClassifier."""
    parameters = {
        name: parameter.default
        for net in LitClassifier.__subclasses__()
        for name, parameter in signature(net).parameters.items()
        if parameter.default is not Parameter.empty
    }
    return _plain(parameters)


def _plain(settings: dict[str, Any]) -> Settings:
    """Turn all settings but numbers into short text; the table can sort by numbers."""
    plain = {name: readable(value) for name, value in settings.items()}
    return {
        name: value
        if isinstance(value, int | float) and not isinstance(value, bool)
        else one_line(value, 100)
        for name, value in plain.items()
    }
