"""Groups of runs side by side: a row for each, and the evidence between two."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from deepdigits.comparison.groups import Group
from deepdigits.comparison.results import Result
from deepdigits.comparison.statistics import McNemar, mcnemar, summary, welch
from deepdigits.comparison.verdict import verdict
from deepdigits.core.errors import InputError
from deepdigits.runs import predictions
from deepdigits.runs.bundled import output_folder


def row(group: Group) -> dict[str, Any]:
    """What there is to say of a group, as plain values: shares in [0, 1], None where unknown."""
    accuracy = summary(group.values("accuracy"))
    dataset, split, digits = group.measured
    scores = [result.report["class"] for result in group.results]
    f1 = {name: _mean([classes[name]["f1"] for classes in scores]) or 0.0 for name in scores[0]}
    weakest = min(f1, key=lambda name: f1[name])
    return {
        "config": group.name,
        "dataset": dataset,
        "split": split,
        "num_samples": digits,
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


def head(split: str) -> list[str]:
    """The names of the cells of a row."""
    names = ["config", "parameters", "epochs", "training seconds", f"{split} accuracy"]
    return [*names, "errors per 10,000", "macro F1", "weakest class"]


def cells(row: dict[str, Any]) -> list[str]:
    """A row as text."""
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


def evidence(first: Group, second: Group) -> dict[str, Any]:
    """Both tests of two groups, and in ``words`` what they mean.

    McNemar's test needs one net of each: those of the lowest seed that both groups have, so that
    nobody chooses.
    """
    if first.measured != second.measured:
        what = f"{first.name} and {second.name} were measured on different digits"
        return {"welch": None, "mcnemar": None, "words": [f"{what}, so neither is called better."]}
    summaries = summary(first.values("accuracy")), summary(second.values("accuracy"))
    recipes = welch(*summaries)
    one, other = _nets(first, second)
    digits, problem = _digit_by_digit(one, other)
    words = verdict(
        (first.name, second.name),
        summaries,
        recipes,
        digits,
        (_run_name(first, one), _run_name(second, other)),
    )
    return {
        "welch": asdict(recipes) if recipes else None,
        "mcnemar": asdict(digits) if digits else None,
        "words": words + ([f"{problem}."] if problem else []),
    }


def _run_name(group: Group, result: Result) -> str:
    """Name of a run; a bundled net is called as its group."""
    return group.name if result.run.is_bundled else f"{group.name}/{result.run.folder.name}"


def _nets(first: Group, second: Group) -> tuple[Result, Result]:
    """The runs of the lowest seed that both groups have; without one, the first of each."""
    by_seed = [{one.seed: one for one in group.results} for group in (first, second)]
    shared = [seed for seed in by_seed[0].keys() & by_seed[1].keys() if seed is not None]
    if not shared:
        return first.results[0], second.results[0]
    return by_seed[0][min(shared)], by_seed[1][min(shared)]


def _digit_by_digit(one: Result, other: Result) -> tuple[McNemar | None, str | None]:
    """McNemar's test of two runs, or what stands in its way, if it is more than a missing file."""
    split = one.report["split"]
    try:
        first, second = (
            predictions.read(result.run.folder, split)
            or predictions.read(output_folder(result.run), split)
            for result in (one, other)
        )
    except InputError as error:
        return None, str(error)
    if first is None or second is None:
        return None, None
    if first.labels.tolist() != second.labels.tolist():
        folders = f"{one.run.folder} and {other.run.folder}"
        return None, f"The predictions in {folders} are for different digits"
    return mcnemar(first.predicted, second.predicted, first.labels), None


def _mean(values: Sequence[float]) -> float | None:
    return summary(values).mean if values else None


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
