"""ModelCheckpoint and EarlyStopping that look at a metric only when it is of this epoch.

Lightning's own take a value of an earlier validation for one of this epoch, or stop the training
with an error where the first validation is still to come, such as with ``trainer.max_steps``.
"""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch import callbacks as lightning
from typing_extensions import override

from deepdigits.core.errors import InputError
from deepdigits.core.suggestions import did_you_mean
from deepdigits.training.validation import is_of_validation


class _Monitored(Callback):
    """Calls the hooks of a monitoring callback only when its metric is of this epoch."""

    monitor: Any  # the metric, None for none
    _validated_at = -1  # step of the last validation
    _of_validation = False  # whether the metric comes from the validation

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        known = self._known(trainer)
        if trainer.sanity_checking:
            if is_of_validation(self.monitor) and self.monitor not in known:
                raise self._unknown(trainer)  # before an epoch is trained
            return
        if self._validated_at < 0:  # metrics of the training are there only when its epoch ends
            self._of_validation = self.monitor in known
        self._validated_at = trainer.global_step
        if self.monitor is None or self.monitor in known:
            super().on_validation_end(trainer, pl_module)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.monitor is not None and self.monitor not in self._known(trainer):
            if self._validated_at >= 0:
                raise self._unknown(trainer)
        elif not self._of_validation or self._validated_at == trainer.global_step:
            super().on_train_epoch_end(trainer, pl_module)

    def _known(self, trainer: Trainer) -> set[str]:
        return set(trainer.callback_metrics)

    def _unknown(self, trainer: Trainer) -> InputError:
        known = sorted(self._known(trainer))
        suggestion = did_you_mean(str(self.monitor), known)
        return InputError(
            f"the monitor {self.monitor} of {type(self).__name__} is not a metric of this net"
            f"{suggestion or ', which logs ' + (', '.join(known) or 'none')}"
        )


class BestCheckpoint(_Monitored, lightning.ModelCheckpoint):
    """Saves the best checkpoint of a training; the options are those of ModelCheckpoint."""

    @override
    def _known(self, trainer: Trainer) -> set[str]:
        return super()._known(trainer) | {"epoch", "step"}  # ModelCheckpoint counts them itself


class EarlyStopping(_Monitored, lightning.EarlyStopping):
    """Stops a training whose metric does not improve; the options are those of Lightning's."""
