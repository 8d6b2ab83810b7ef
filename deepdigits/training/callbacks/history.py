"""The metrics of each epoch of a training: those of LitClassifier, and those that a net logs."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from deepdigits.training.classifier import LitClassifier

Curve = list[tuple[int, float]]
_FORKS = ("_step", "_epoch")  # what Lightning adds to the names of metrics


class History:
    """Collects the metrics of each epoch, by their tags.

    LitClassifier computes them. Its subclasses and other nets log what they like: a metric whose
    value changes in a validation is one of the validation, and the others are of the training.

    Attributes:
        curves: Tag -> pairs of epoch and value.
    """

    def __init__(self) -> None:
        self.curves: dict[str, Curve] = {}
        self._before: dict[str, Any] = {}  # logged before a validation
        self._of_validation: set[str] = set()
        self._ended: int | None = None  # the epoch that has ended last, until the next one begins
        self._computed: set[str] = set()  # by LitClassifier, in the training of that epoch

    def load(self, curves: Mapping[str, Any]) -> None:
        """Go on with the curves of a checkpoint."""
        self.curves = {
            name: [(int(epoch), float(value)) for epoch, value in curve]
            for name, curve in curves.items()
        }

    def start_validation(self, trainer: Trainer) -> None:
        """Remember what was logged before a validation."""
        self._before = dict(trainer.callback_metrics)

    def end_validation(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the metrics of a validation; after the sanity check, only learn their names."""
        logged = trainer.callback_metrics
        new = [name for name, value in logged.items() if self._before.get(name) is not value]
        self._of_validation.update(new)
        if trainer.sanity_checking:
            return
        if isinstance(pl_module, LitClassifier) and pl_module.has_measured("val"):
            computed = pl_module.scalars("val")
        else:
            computed = {}
        others = {name: float(logged[name]) for name in new if name not in computed}
        self._add(trainer.current_epoch + 1, computed | others)

    def end_epoch(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the metrics of the training in this epoch."""
        self._ended = trainer.current_epoch + 1
        if isinstance(pl_module, LitClassifier) and pl_module.has_measured("train"):
            computed = pl_module.scalars("train")
            self._add(self._ended, computed)
            self._computed = set(computed)
        self.complete(trainer)

    def start_epoch(self, trainer: Trainer) -> None:
        """Complete the epoch before; call it when the training ends, too."""
        self.complete(trainer)
        self._ended, self._computed = None, set()

    def complete(self, trainer: Trainer) -> None:
        """Add what a net has logged at the end of the last epoch, after its callbacks."""
        if self._ended is None:
            return
        left_out = self._of_validation | self._computed
        logged = without_forks(trainer.callback_metrics)
        values = {name: float(value) for name, value in logged.items() if name not in left_out}
        self._add(self._ended, values)

    def _add(self, epoch: int, values: Mapping[str, float]) -> None:
        for tag, value in values.items():
            curve = self.curves.setdefault(tag, [])
            if curve and curve[-1][0] == epoch:  # several validations in an epoch: keep the last
                curve.pop()
            curve.append((epoch, value))


def without_forks(logged: Mapping[str, Any]) -> dict[str, Any]:
    """Of a metric that is logged by step and by epoch, that of the epoch, under its own name.

    >>> without_forks({"loss": 0.5, "loss_step": 0.25, "loss_epoch": 0.5, "last_step": 3})
    {'loss': 0.5, 'last_step': 3}
    """
    return {
        name: value
        for name, value in logged.items()
        if not any(name.endswith(end) and name.removesuffix(end) in logged for end in _FORKS)
    }
