"""ModelCheckpoint and EarlyStopping that look at a metric only when it is of this epoch.

Lightning's own take a value of an earlier validation for one of this epoch, or stop the training
with an error where the first validation is still to come, such as with ``trainer.max_steps``.
"""

from typing import Any, ClassVar

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch import callbacks as lightning
from typing_extensions import override

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.suggestions import did_you_mean
from deepdigits.training.lightning_compat import (
    let_wait_for_validation,
    waits_for_validation,
    watch_at_epoch_end,
)
from deepdigits.training.validation import is_of_validation

COUNTERS = ("epoch", "step")  # ModelCheckpoint knows them besides the metrics
_NOT_YET = ""  # no metric: ModelCheckpoint waits for the next validation


class _Monitored(Callback):
    """Calls the hooks of a monitoring callback only when its metric is of this epoch.

    A metric that the user has named must be there. The default one, which a net of the user's own
    may not log, is given up with one line; so is each metric of a validation if there is none.

    Attributes:
        is_default: Whether the metric is the default one.
    """

    option: ClassVar[str]  # of the command line
    without: ClassVar[str]  # what happens without the metric
    needs_metric: ClassVar[bool]  # whether nothing is done without one
    monitor: Any  # the metric, None for none
    is_default = False
    _given_up: Any = None  # the metric that the net does not log
    _validated_at = -1  # step of the last validation
    _of_validation = False  # whether the metric comes from the validation
    _of_training = False  # whether it was there before the first validation

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and not trainer.enable_validation:
            self._give_up_validation(trainer)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        if trainer.val_dataloaders is not None and not sum(trainer.num_val_batches):
            self._give_up_validation(trainer)

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_start(trainer, pl_module)
        if not trainer.sanity_checking and self._validated_at < 0:
            self._of_training = self.monitor in self.known_metrics(trainer)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        known = self.known_metrics(trainer)
        if trainer.sanity_checking:
            self._warn_early(trainer)
            return
        if self._validated_at < 0:
            self._of_validation = self.monitor in known and not self._of_training
            if self.monitor is not None and not self._of_validation:
                watch_at_epoch_end(self)  # its value at a validation is of the epoch before
        self._validated_at = trainer.global_step
        if self.monitor in known or (self.monitor is None and not self.needs_metric):
            super().on_validation_end(trainer, pl_module)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.monitor is not None and self.monitor not in self.known_metrics(trainer):
            if self._validated_at < 0 and trainer.enable_validation:
                return  # the first validation is still to come
            self._miss(trainer)
        if self.monitor is None and self.needs_metric:
            return
        if not self._of_validation or self._validated_at == trainer.global_step:
            super().on_train_epoch_end(trainer, pl_module)

    def known_metrics(self, trainer: Trainer) -> set[str]:
        """The metrics that can be monitored now."""
        return set(trainer.callback_metrics)

    def _warn_early(self, trainer: Trainer) -> None:
        """Name a metric that the sanity check did not log: a net may leave out some of them there.

        What several loaders log is not known yet.
        """
        several = len(trainer.num_sanity_val_batches) > 1
        is_known = self.monitor in self.known_metrics(trainer)
        if is_of_validation(self.monitor) and not (is_known or several or self.is_default):
            self._say(trainer, f"the sanity check did not log {self._unknown(trainer)}")

    def _miss(self, trainer: Trainer) -> None:
        """Give up a default metric that is not logged.

        Raises:
            InputError: The user has named the metric.
        """
        if not self.is_default:
            raise InputError(f"the net does not log {self._unknown(trainer)}")
        name = type(trainer.lightning_module).__name__
        logged = ", ".join(self._logged(trainer)) or "nothing"
        self._give_up(trainer, f"{name} does not log {self.option} {self.monitor}, but {logged}")

    def _unknown(self, trainer: Trainer) -> str:
        """The metric that is not logged, and what can be named in its place."""
        logged = self._logged(trainer)
        meant = did_you_mean(str(self.monitor), logged)
        logs = ", ".join(logged) or "nothing"
        return f"{self.option} {self.monitor}{meant or f', but {logs}'}"

    def _logged(self, trainer: Trainer) -> list[str]:
        return sorted(self.known_metrics(trainer) - set(COUNTERS))

    def _give_up_validation(self, trainer: Trainer) -> None:
        if is_of_validation(self.monitor):
            self._give_up(trainer, f"{self.option} is {self.monitor}, and there is no validation")

    def _give_up(self, trainer: Trainer, why: str) -> None:
        self._given_up, self.monitor, self._of_validation = self.monitor, None, False
        self._say(trainer, f"{why}: {self.without}; pass --{self.option} NAME")

    @staticmethod
    def _say(trainer: Trainer, what: str) -> None:
        if trainer.is_global_zero:
            say(f"note: {what}", error=True)


class BestCheckpoint(_Monitored, lightning.ModelCheckpoint):
    """Saves the best checkpoint of a training; the options are those of ModelCheckpoint."""

    option = "checkpoint.monitor"
    without = "the last epoch counts as the best"
    needs_metric = False

    @property
    @override
    def state_key(self) -> str:
        # A metric that is given up stays in the key: a resumed run looks for it at its start.
        monitor = self.monitor
        self.monitor = monitor or self._given_up
        try:
            return super().state_key
        finally:
            self.monitor = monitor

    @override
    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"waits_for_validation": waits_for_validation(self)}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        let_wait_for_validation(self, state_dict.get("waits_for_validation", False))

    @override
    def known_metrics(self, trainer: Trainer) -> set[str]:
        return super().known_metrics(trainer) | set(COUNTERS)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save what is due within an epoch; with a metric of the validation, once that is over."""
        monitor = self.monitor
        if self._of_validation:
            self.monitor = _NOT_YET
        try:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        finally:
            self.monitor = monitor


class MonitoredEarlyStopping(_Monitored, lightning.EarlyStopping):
    """Stops a training whose metric does not improve; the options are those of EarlyStopping.

    It has a name of its own: a short name in ``trainer.callbacks`` means the class of Lightning.
    """

    option = "early_stopping.monitor"
    without = "the training does not stop early"
    needs_metric = True
