"""A group as a row of a table, in plain values and as text."""

from collections.abc import Sequence
from typing import Any

from deepdigits.comparison.groups import Group
from deepdigits.comparison.statistics import summary


def row(group: Group) -> dict[str, Any]:
    """The means over a group's seeds as plain values: fractions in [0, 1], None if unknown."""
    accuracy = summary(group.values("accuracy"))
    dataset, split, num_samples = group.evaluated_on
    scores = [result.report["class"] for result in group.results]
    f1 = {name: _mean([classes[name]["f1"] for classes in scores]) or 0.0 for name in scores[0]}
    weakest = min(f1, key=lambda name: f1[name])
    return {
        "config": group.name,
        "dataset": dataset,
        "split": split,
        "num_samples": num_samples,
        "n": accuracy.n,
        "parameters": max(group.values("parameters"), default=None),
        "epochs": _mean(group.values("epochs")),
        "training_seconds": _mean(group.values("training_seconds")),
        "accuracy_mean": accuracy.mean,
        "accuracy_sd": accuracy.sd,
        "errors_per_10000": 10_000 * (1 - accuracy.mean),
        "f1_macro": _mean(group.values("f1_macro")),
        "weakest_class": weakest,
        "weakest_f1": f1[weakest],
    }


def columns(split: str) -> list[str]:
    """The headings above `cells`."""
    names = ["config", "parameters", "epochs", "training seconds", f"{split} accuracy"]
    return [*names, "errors per 10,000", "macro F1", "weakest class"]


def cells(row: dict[str, Any]) -> list[str]:
    """A row as text, one cell for each of `columns`."""
    sd = "" if row["accuracy_sd"] is None else f" ± {100 * row['accuracy_sd']:.2f}"
    return [
        row["config"],
        _text(row["parameters"], ",.0f"),
        _text(row["epochs"], ".1f").removesuffix(".0"),
        _text(row["training_seconds"], ",.1f"),
        f"{100 * row['accuracy_mean']:.2f}{sd} % (n={row['n']})",
        f"{row['errors_per_10000']:.1f}",
        f"{row['f1_macro']:.4f}",
        f"{row['weakest_class']} (F1 {row['weakest_f1']:.4f})",
    ]


def _mean(values: Sequence[float]) -> float | None:
    return summary(values).mean if values else None


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
