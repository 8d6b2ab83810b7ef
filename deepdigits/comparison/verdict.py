"""What the statistics mean, in sentences."""

from collections.abc import Sequence

from deepdigits.comparison.statistics import ALPHA, McNemar, Summary, Welch


def verdict(
    names: tuple[str, str],
    summaries: tuple[Summary, Summary],
    welch: Welch | None,
    mcnemar: McNemar | None,
    nets: tuple[str, str] | None = None,
) -> list[str]:
    """Which of two recipes is better, by how much, and how certain that is.

    Nothing is claimed at p >= 0.05.

    Args:
        names: The two recipes.
        summaries: Their accuracies, in [0, 1], over seeds.
        welch: The test of the recipes; None where it says nothing.
        mcnemar: The test of one trained net of each; None where predictions are missing.
        nets: What to call these two nets. None: as the recipes.

    Returns:
        One sentence or two for each kind of evidence, and what sets the two kinds apart.
    """
    lines = [
        _over_seeds(names, summaries, welch),
        _digit_by_digit(nets or names, mcnemar),
    ]
    if welch and mcnemar:
        lines.append(
            "Welch's test compares the recipes: what to expect of another seed. McNemar's compares "
            "two trained nets on the same digits, and says nothing of other seeds."
        )
    return lines


def _over_seeds(names: Sequence[str], summaries: Sequence[Summary], welch: Welch | None) -> str:
    first, second = names
    if welch is None:
        return _untested(names, summaries)
    counts = f"n = {summaries[0].n} and {summaries[1].n}"
    low, high = (100 * end for end in welch.interval)
    points = 100 * welch.difference
    test = f"Welch's t-test over seeds, {counts}, {p_value(welch.p)}"
    if welch.p >= ALPHA:
        return (
            f"The recipes {first} and {second} cannot be told apart: their mean accuracies differ "
            f"by {abs(points):.2f} points, 95 % interval {low:+.2f} to {high:+.2f}, which chance "
            f"can explain ({test}). That does not prove them equal: more seeds narrow the interval."
        )
    if points < 0:
        (first, second), (low, high) = (second, first), (-high, -low)
    return (
        f"The recipe {first} is better than {second}: its mean accuracy is {abs(points):.2f} "
        f"points higher, 95 % interval {low:.2f} to {high:.2f} ({test})."
    )


def _untested(names: Sequence[str], summaries: Sequence[Summary]) -> str:
    few = [name for name, summary in zip(names, summaries, strict=True) if summary.n < 2]
    if not few:
        return (
            f"Whether the recipes {names[0]} and {names[1]} differ cannot be tested: their seeds "
            "show no spread to hold the difference against."
        )
    return (
        "Whether the recipes differ, or it was the seed, cannot be said: that takes two seeds of "
        f"each or more, and there is one of {' and of '.join(few)} (deepdigits repeat)."
    )


def _digit_by_digit(nets: Sequence[str], mcnemar: McNemar | None) -> str:
    first, second = nets
    if mcnemar is None:
        return (
            "Digit by digit the two cannot be compared: that takes saved predictions of both for "
            "the same digits (deepdigits test --ckpt_path RUN)."
        )
    more, fewer = mcnemar.first_only, mcnemar.second_only
    if more == fewer == 0:
        return (
            f"The trained nets {first} and {second} are right and wrong on the same digits, all "
            f"{mcnemar.num_samples:,} of them."
        )
    if more < fewer:
        (first, second), (more, fewer) = (second, first), (fewer, more)
    result = (
        f"of these two nets {first} is better"
        if mcnemar.p < ALPHA
        else "these two nets cannot be told apart"
    )
    return (
        f"Of {mcnemar.num_samples:,} digits the trained net {first} gets {more:,} right that "
        f"{second} gets wrong, and {second} {fewer:,} that {first} gets wrong: {result} "
        f"(exact McNemar test, {p_value(mcnemar.p)})."
    )


def p_value(p: float) -> str:
    """A p-value as text.

    >>> p_value(0.25), p_value(0.0123), p_value(1e-9)
    ('p = 0.25', 'p = 0.012', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
