"""The report of a classification: each metric is a function of its confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepdigits.core import tables


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 in [0, 1] over a number of samples; of one class or averaged."""

    precision: float
    recall: float
    f1: float
    num_samples: int

    def to_dict(self) -> dict[str, float]:
        """The entries of these scores in report.json."""
        return dict(vars(self))


@dataclass(frozen=True)
class Report:
    """The metrics of a classification, all computed from its confusion matrix in float64.

    A metric that would be 0/0 is 0, as in scikit-learn and torchmetrics.

    Attributes:
        confusion: Counts (C, C); rows are true classes, columns predicted ones.
        class_names: Name of each class.
        loss: Mean cross-entropy; None if it was not measured.

    >>> report = Report([[8, 2], [0, 10]], ["cat", "dog"])
    >>> report.accuracy, report.errors, report.classes[0].precision, report.classes[0].recall
    (0.9, 2, 1.0, 0.8)
    """

    COLUMNS: ClassVar = ("class", "precision", "recall", "F1", "support")

    confusion: Sequence[Sequence[int]] | NDArray[np.int64]
    class_names: Sequence[str]
    loss: float | None = None

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        return np.asarray(self.confusion, dtype=np.int64)

    @cached_property
    def classes(self) -> list[Scores]:
        """Precision, recall and F1 of each class."""
        correct = self._counts.diagonal().astype(float)
        predicted, support = self._counts.sum(axis=0), self._counts.sum(axis=1)
        precision = _ratio(correct, predicted)
        recall = _ratio(correct, support)
        f1 = _ratio(2 * correct, predicted + support)
        return [
            Scores(float(p), float(r), float(f), int(n))
            for p, r, f, n in zip(precision, recall, f1, support, strict=True)
        ]

    @cached_property
    def overall(self) -> Scores:
        """The scores of the classes, weighted by support; recall equals accuracy."""
        support = self._counts.sum(axis=1)
        table = np.array([(s.precision, s.recall, s.f1) for s in self.classes])
        precision, recall, f1 = _ratio(support @ table, np.full(3, support.sum()))
        return Scores(float(precision), float(recall), float(f1), self.num_samples)

    @property
    def num_samples(self) -> int:
        """Number of samples."""
        return int(self._counts.sum())

    @property
    def errors(self) -> int:
        """Number of wrong predictions."""
        return self.num_samples - int(self._counts.trace())

    @property
    def accuracy(self) -> float:
        """Share of correct predictions."""
        return float(_ratio(self._counts.trace(), self._counts.sum()))

    @property
    def f1_macro(self) -> float:
        """Unweighted mean of F1 over the classes that occur or are predicted."""
        occurs = self._counts.sum(axis=0) + self._counts.sum(axis=1) > 0
        f1 = [scores.f1 for scores, used in zip(self.classes, occurs, strict=True) if used]
        return float(np.mean(f1)) if f1 else 0.0

    def most_confused(self, limit: int = 5) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: true class, predicted class, count.

        >>> Report([[8, 2], [1, 9]], ["cat", "dog"]).most_confused()
        [('cat', 'dog', 2), ('dog', 'cat', 1)]
        """
        wrong = self._counts - np.diag(self._counts.diagonal())
        order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
        pairs = [divmod(int(flat), len(wrong)) for flat in order]
        names = self.class_names
        return [(names[t], names[p], int(wrong[t, p])) for t, p in pairs if wrong[t, p]]

    def to_dict(self) -> dict[str, Any]:
        """The content of report.json: overall, each class, and the metrics of the whole split."""
        return {
            "overall": self.overall.to_dict(),
            "class": {
                name: scores.to_dict()
                for name, scores in zip(self.class_names, self.classes, strict=True)
            },
            "accuracy": self.accuracy,
            "f1_macro": self.f1_macro,
            "loss": self.loss,
            "errors": self.errors,
            "confusion_matrix": self._counts.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Report":
        """A report from the content of report.json; other keys are ignored."""
        return cls(content["confusion_matrix"], list(content["class"]), content["loss"])

    def rows(self) -> list[list[str]]:
        """The table of classes as text, with the weighted means in the last row."""
        named = zip([*self.class_names, "overall"], [*self.classes, self.overall], strict=True)
        return [
            [name, *(f"{x:.4f}" for x in (s.precision, s.recall, s.f1)), f"{s.num_samples}"]
            for name, s in named
        ]

    def to_markdown(self) -> str:
        """The table of classes in Markdown.

        >>> print(Report([[8, 2], [0, 10]], ["cat", "dog"]).to_markdown())
        | class | precision | recall | F1 | support |
        |---|--:|--:|--:|--:|
        | cat | 1.0000 | 0.8000 | 0.8889 | 10 |
        | dog | 0.8333 | 1.0000 | 0.9091 | 10 |
        | overall | 0.9167 | 0.9000 | 0.8990 | 20 |
        """
        return tables.markdown(self.COLUMNS, self.rows())


def _ratio(numerator: Any, denominator: Any) -> NDArray[np.float64]:
    """Divide element by element; 0 where the denominator is 0."""
    numerator = np.asarray(numerator, dtype=np.float64)
    ratio: NDArray[np.float64] = np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=np.asarray(denominator) > 0
    )
    return ratio
