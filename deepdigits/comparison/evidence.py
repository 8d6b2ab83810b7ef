"""The evidence that two groups differ: Welch's test over seeds and McNemar's test of two nets."""

from dataclasses import dataclass

from deepdigits.comparison.groups import Group
from deepdigits.comparison.results import Result
from deepdigits.comparison.statistics import McNemar, Welch, mcnemar, paired_folds, summary, welch
from deepdigits.comparison.verdict import verdict
from deepdigits.core.errors import InputError
from deepdigits.runs import predictions
from deepdigits.runs.bundled import output_folder


@dataclass(frozen=True)
class Evidence:
    """The statistical tests of two groups, and their meaning.

    Attributes:
        welch: The test of the two configs over their seeds or, fold by fold, over the folds that
            both have. None: a config has a single one, or the groups were evaluated on different
            digits.
        mcnemar: The test of one trained net of each config, digit by digit. None: predictions are
            missing, or are for different digits.
        sentences: The result in plain English; no config is called better at p >= 0.05.
    """

    welch: Welch | None
    mcnemar: McNemar | None
    sentences: list[str]


def find_evidence(first: Group, second: Group) -> Evidence:
    """Run both tests on two groups.

    McNemar's test takes one net of each group: those of the lowest seed that both groups have, so
    that nobody can choose a convenient pair.
    """
    if first.evaluated_on != second.evaluated_on:
        reason = f"{first.name} and {second.name} were evaluated on different digits"
        return Evidence(None, None, [f"{reason}, so neither is called better."])
    summaries = summary(first.values("accuracy")), summary(second.values("accuracy"))
    folds = first.results[0].num_folds
    over_seeds = welch(*summaries) if folds is None else _over_folds(first, second, folds)
    one, other = _one_net_each(first, second)
    digit_by_digit, problem = _compare_predictions(one, other)
    sentences = verdict(
        (first.name, second.name),
        summaries,
        over_seeds,
        digit_by_digit,
        (_run_name(first, one), _run_name(second, other)),
        over="seeds" if folds is None else "folds",
    )
    return Evidence(over_seeds, digit_by_digit, sentences + ([f"{problem}."] if problem else []))


def _over_folds(first: Group, second: Group, folds: int) -> Welch | None:
    """The paired test over the folds and seeds that both groups have."""
    one, other = (
        {(result.fold, result.seed): result.report["accuracy"] for result in group.results}
        for group in (first, second)
    )
    shared = [key for key in one if key in other]
    if len(shared) < 2:
        return None
    return paired_folds([one[key] for key in shared], [other[key] for key in shared], folds)


def _run_name(group: Group, result: Result) -> str:
    """Name of a run: group and folder; a bundled net has the name of its group."""
    return group.name if result.run.is_bundled else f"{group.name}/{result.run.folder.name}"


def _one_net_each(first: Group, second: Group) -> tuple[Result, Result]:
    """The runs of the lowest fold and seed that both groups have; else the first run of each.

    Nets of different folds are never paired: their digits differ.
    """
    by_seed = [
        {(one.fold or 0, one.seed): one for one in group.results if one.seed is not None}
        for group in (first, second)
    ]
    if not (shared := by_seed[0].keys() & by_seed[1].keys()):
        return first.results[0], second.results[0]
    return by_seed[0][min(shared)], by_seed[1][min(shared)]


def _compare_predictions(one: Result, other: Result) -> tuple[McNemar | None, str | None]:
    """McNemar's test of two runs, and the problem if their predictions cannot be compared.

    A missing file is no problem: the sentences say how to make it.
    """
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
