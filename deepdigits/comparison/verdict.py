"""The results of the statistical tests in sentences."""

from collections.abc import Sequence

from deepdigits.comparison.statistics import ALPHA, McNemar, Summary, Welch

# Name of the test over seeds or folds: at the begin of a sentence, and in it.
_TESTS = {
    "seeds": ("Welch's test", "Welch's t-test"),
    "folds": ("The paired test", "corrected paired t-test"),
}


def verdict(
    names: tuple[str, str],
    summaries: tuple[Summary, Summary],
    welch: Welch | None,
    mcnemar: McNemar | None,
    nets: tuple[str, str] | None = None,
    over: str = "seeds",
) -> list[str]:
    """Which of two configs is better, by how much, and how certain that is.

    No config is called better at p >= 0.05.

    Args:
        names: Names of the two configs.
        summaries: Their accuracies over seeds, in [0, 1].
        welch: The test of the configs; None if it is not possible.
        mcnemar: The test of one trained net of each; None if predictions are missing.
        nets: Names of these two nets. None: the names of the configs.
        over: What differs between the runs of a config: seeds or folds.

    Returns:
        One or two sentences for each test, and the difference between the tests if there are two.
    """
    lines = [
        _over_runs(names, summaries, welch, over),
        _digit_by_digit(nets or names, mcnemar),
    ]
    if welch and mcnemar:
        lines.append(
            f"{_TESTS[over][0]} compares the configs, and applies to other {over} too. "
            "McNemar's test compares two trained nets on the same digits, and does not apply to "
            f"other {over}."
        )
    return lines


def _over_runs(
    names: Sequence[str], summaries: Sequence[Summary], welch: Welch | None, over: str
) -> str:
    first, second = names
    if welch is None:
        return _untested(names, summaries, over)
    counts = f"n = {summaries[0].n} and {summaries[1].n}"
    low, high = (100 * end for end in welch.interval)
    points = 100 * welch.difference
    test = f"{_TESTS[over][1]} over {over}, {counts}, {p_value(welch.p)}"
    if welch.p >= ALPHA:
        return (
            f"No difference between the configs {first} and {second} is shown: their mean "
            f"accuracies differ by {abs(points):.2f} points, 95 % interval {low:+.2f} to "
            f"{high:+.2f}, which chance can explain ({test}). This does not prove that they are "
            f"equal; more {over} narrow the interval."
        )
    if points < 0:
        (first, second), (low, high) = (second, first), (-high, -low)
    return (
        f"The config {first} is better than {second}: its mean accuracy is {abs(points):.2f} "
        f"points higher, 95 % interval {low:.2f} to {high:.2f} ({test})."
    )


def _untested(names: Sequence[str], summaries: Sequence[Summary], over: str) -> str:
    few = [name for name, summary in zip(names, summaries, strict=True) if summary.n < 2]
    if not few:
        return (
            f"The difference between the configs {names[0]} and {names[1]} cannot be tested: the "
            f"accuracies of their {over} do not vary."
        )
    return (
        f"The difference between the configs may be due to the {over[:-1]}: a test needs two "
        f"{over} or more of each, and there is one of {' and of '.join(few)} (deepdigits repeat "
        "trains more)."
    )


def _digit_by_digit(nets: Sequence[str], mcnemar: McNemar | None) -> str:
    first, second = nets
    if mcnemar is None:
        return (
            "The nets cannot be compared digit by digit: this needs saved predictions of both for "
            "the same digits (deepdigits report RUN writes them)."
        )
    more, fewer = mcnemar.first_only, mcnemar.second_only
    if more == fewer == 0:
        return (
            f"The trained nets {first} and {second} are right and wrong on the same digits, in all "
            f"{mcnemar.num_samples:,}."
        )
    if more < fewer:
        (first, second), (more, fewer) = (second, first), (fewer, more)
    result = (
        f"of these two nets {first} is better"
        if mcnemar.p < ALPHA
        else "no difference between these two nets is shown"
    )
    return (
        f"Of {mcnemar.num_samples:,} digits, {more:,} are right with the trained net {first} and "
        f"wrong with {second}, and {fewer:,} the other way round: {result} "
        f"(exact McNemar test, {p_value(mcnemar.p)})."
    )


def p_value(p: float) -> str:
    """A p-value as text.

    >>> p_value(0.25), p_value(0.0123), p_value(1e-9)
    ('p = 0.25', 'p = 0.012', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
