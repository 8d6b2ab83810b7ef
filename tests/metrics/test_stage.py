"""The metrics of a stage: over uneven batches, several processes and absent classes."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from deepdigits.metrics.report import Report
from deepdigits.metrics.stage import TrainingMetrics, evaluation_metrics, to_scalars

Batch = dict[str, Tensor]
BOTH = pytest.mark.parametrize(
    "make", [TrainingMetrics, lambda: evaluation_metrics(5)], ids=["training", "evaluation"]
)


def stage_batches(sizes: list[int]) -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    batches = []
    for size in sizes:
        logits = torch.randn(size, 5, generator=generator)
        labels = torch.randint(5, (size,), generator=generator)
        loss = F.cross_entropy(logits, labels)
        batches.append({"preds": logits, "target": labels, "loss": loss})
    return batches


def values_of(metrics: Any, batches: list[Batch]) -> dict[str, Tensor]:
    for batch in batches:
        metrics.update(**batch)
    values: dict[str, Tensor] = metrics.compute()
    return values


def assert_same(values: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert values.keys() == expected.keys()
    for name, value in values.items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)


@BOTH
def test_metrics_are_over_all_samples_of_uneven_batches(make: Any) -> None:
    batches, metrics = stage_batches([50, 7, 1]), make()
    values = values_of(metrics, batches)
    logits, labels = (torch.cat([batch[key] for batch in batches]) for key in ("preds", "target"))
    torch.testing.assert_close(values["loss"], F.cross_entropy(logits, labels))
    mean_of_batches = torch.stack([batch["loss"] for batch in batches]).mean()
    assert abs(values["loss"] - mean_of_batches) > 0.01
    predicted = logits.argmax(1)
    assert values["accuracy"].item() == pytest.approx(accuracy_score(labels, predicted), abs=1e-6)
    metrics.reset()
    assert values_of(metrics, batches[1:2])["loss"] == batches[1]["loss"]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40),
)
def test_report_equals_the_metrics_that_torchmetrics_computed(pairs: list[tuple[int, int]]) -> None:
    """Random labels; some classes do not occur, some are never predicted."""
    truth, predicted = torch.tensor(pairs).T
    logits = F.one_hot(predicted, 6).float()
    values = values_of(
        evaluation_metrics(6), [{"preds": logits, "target": truth, "loss": torch.tensor(0.5)}]
    )
    counts = values["confusion_matrix"]
    np.testing.assert_array_equal(counts, confusion_matrix(truth, predicted, labels=range(6)))
    report = Report(counts.numpy(), list("abcdef"), values["loss"].item())
    for name in ("precision", "recall", "f1"):
        ours = [getattr(scores, name) for scores in report.classes]
        np.testing.assert_allclose(ours, values[name], rtol=0, atol=1e-6)
    assert report.accuracy == pytest.approx(values["accuracy"].item(), abs=1e-6)
    assert report.f1_macro == pytest.approx(values["f1_macro"].item(), abs=1e-6)
    macro = f1_score(truth, predicted, average="macro", zero_division=0)
    assert report.f1_macro == pytest.approx(macro, abs=1e-12)
    assert report.loss == 0.5


def test_metrics_of_a_group_share_their_counts() -> None:
    """The groups that are given are those that torchmetrics would find by comparing the counts."""
    given, batches = evaluation_metrics(5), stage_batches([50, 7])
    found = MetricCollection(dict(evaluation_metrics(5).items()), compute_groups=True)
    assert_same(values_of(given, batches), values_of(found, batches))
    groups = [{frozenset(group) for group in m.compute_groups.values()} for m in (given, found)]
    assert groups[0] == groups[1]
    assert len(groups[0]) == 4


@BOTH
def test_a_loss_that_is_nan_stays_nan(make: Any) -> None:
    batches = stage_batches([50, 7])
    batches[0]["loss"] = torch.tensor(torch.nan)
    assert values_of(make(), batches)["loss"].isnan()


@BOTH
def test_metrics_of_several_processes_are_over_all_their_samples(make: Any) -> None:
    batches = stage_batches([50, 7])
    ranks = [make(), make()]
    for batch, rank in zip(batches, ranks, strict=True):
        rank.update(**batch)
    for metric, further in zip(*map(members, ranks), strict=True):
        metric.merge_state(further)  # torchmetrics' own way, by the same reductions
    alone = make()
    values_of(alone, batches)
    for metric, expected in zip(members(ranks[0]), members(alone), strict=True):
        torch.testing.assert_close(metric.compute(), expected.compute())


def members(metrics: Metric | MetricCollection) -> list[Metric]:
    """The metrics that count; of those that share their counts, the first."""
    if isinstance(metrics, Metric):
        return [metrics]
    return [metrics[group[0]] for group in metrics.compute_groups.values()]


def test_scalars_have_the_prefix_and_leave_out_the_confusion_matrix() -> None:
    metrics = evaluation_metrics(5).clone(prefix="val/")
    scalars = to_scalars(values_of(metrics, stage_batches([20])), "val/")
    classes = [f"val/{name}/{c}" for name in ("precision", "recall", "f1") for c in range(5)]
    assert list(scalars) == ["val/loss", "val/accuracy", "val/f1_macro", *classes]
    assert all(type(number) is float for number in scalars.values())
