"""The metrics of a stage over an epoch, computed by torchmetrics.

Batches must not be empty: their mean loss would be nan, and torchmetrics 1.9 raises an error.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)
from typing_extensions import override

# The order of the scalars in the log and in curves.csv.
_SCALARS = ("loss", "accuracy", "f1_macro", "precision", "recall", "f1")


class MeanLoss(MeanMetric):
    """The mean loss over all samples.

    Its own ``update``, because torchmetrics 1.9 offers no nan strategy that fits: all but
    ``"disable"`` wait for the GPU or drop a nan, and ``"disable"`` ignores the weights.
    """

    def __init__(self) -> None:
        super().__init__(nan_strategy="disable")

    def update(self, loss: Tensor, target: Tensor) -> None:  # type: ignore[override]
        """Add the mean loss () of a batch with labels (B,)."""
        self.mean_value += loss * len(target)
        self.weight += len(target)


class TrainingMetrics(Metric):
    """Mean loss and accuracy of the training batches of an epoch.

    One metric with three states: an update takes half the time of the two metrics of torchmetrics,
    and a training step of a small net is short.
    """

    full_state_update = False
    correct: Tensor
    total: Tensor
    loss_sum: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("correct", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("loss_sum", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, loss: Tensor) -> None:
        """Add a batch: logits (B, C), labels (B,) and its mean loss ()."""
        self.correct += (preds.argmax(dim=1) == target).sum()
        self.total += len(target)
        self.loss_sum += loss * len(target)

    def compute(self) -> dict[str, Tensor]:
        """Loss () and accuracy () over all processes."""
        return {"loss": self.loss_sum / self.total, "accuracy": self.correct / self.total}


class EvaluationMetrics(MetricCollection):
    """Metrics that are updated on a GPU without waiting for it.

    torchmetrics 1.9 counts with ``torch.bincount``, which waits to know the highest value. In the
    deterministic mode of torch it compares with each class instead, which is slower on a CPU.
    """

    @override
    def update(self, *args: Any, **kwargs: Any) -> None:
        if kwargs["target"].device.type == "cpu":
            super().update(*args, **kwargs)
            return
        before = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            super().update(*args, **kwargs)
        finally:
            torch.use_deterministic_algorithms(before, warn_only=warn_only)


def evaluation_metrics(num_classes: int) -> MetricCollection:
    """The metrics of a validation or test; a figure that would be 0/0 is 0.

    ``update(preds=logits (B, C), target=labels (B,), loss=())`` adds a batch. ``compute()`` gives
    ``loss``, ``accuracy`` and ``f1_macro`` (over the classes that occur or are predicted) as
    scalars, ``precision``, ``recall`` and ``f1`` as (C,), and ``confusion_matrix`` as (C, C): rows
    are true classes, columns predicted ones.
    """
    each: dict[str, Any] = {"num_classes": num_classes, "average": "none", "validate_args": False}
    return EvaluationMetrics(
        {
            "loss": MeanLoss(),
            "accuracy": MulticlassAccuracy(**each | {"average": "micro"}),
            "f1_macro": MulticlassF1Score(**each | {"average": "macro"}),
            "precision": MulticlassPrecision(**each),
            "recall": MulticlassRecall(**each),
            "f1": MulticlassF1Score(**each),
            "confusion_matrix": MulticlassConfusionMatrix(num_classes, validate_args=False),
        },
        # The metrics of a group share their counts: only the first one is updated.
        compute_groups=[
            ["loss"],
            ["accuracy"],
            ["f1_macro", "precision", "recall", "f1"],
            ["confusion_matrix"],
        ],
    )


def to_scalars(values: Mapping[str, Tensor], prefix: str = "") -> dict[str, float]:
    """Computed metrics as numbers to log: those of a class under its label, such as ``f1/7``.

    Args:
        values: Computed metrics; the confusion matrix is left out.
        prefix: Start of each of their names; it is kept.

    >>> to_scalars({"val/f1": torch.tensor([0.5, 1.0]), "val/loss": torch.tensor(0.25)}, "val/")
    {'val/loss': 0.25, 'val/f1/0': 0.5, 'val/f1/1': 1.0}
    """
    scalars: dict[str, float] = {}
    for name in (f"{prefix}{name}" for name in _SCALARS if f"{prefix}{name}" in values):
        numbers = values[name].tolist()
        if isinstance(numbers, list):
            scalars |= {f"{name}/{label}": number for label, number in enumerate(numbers)}
        else:
            scalars[name] = numbers
    return scalars
