"""Pairs and ratios of two versions' times."""

from deepdigits.benchmarks.changes import Change, find_measures, pair, verdict


def change(before: list[float], now: list[float], *keys: str) -> Change:
    return Change(keys or ("seconds", "ours"), [[v] for v in before], [[v] for v in now])


def test_ratio_is_taken_within_each_turn() -> None:
    # Other load makes the second turn ten times as slow: each turn still has a ratio of 1.5.
    slow_turn = change([1.0, 10.0, 2.0], [1.5, 15.0, 3.0])
    assert slow_turn.ratios == [1.5, 1.5, 1.5]
    assert (slow_turn.ratio, slow_turn.spread, slow_turn.is_slower) == (1.5, 0, True)


def test_a_lower_rate_is_slower() -> None:
    rate = change([300.0, 300.0], [100.0, 150.0], "images_per_second", "MLP", "256")
    assert rate.ratios == [3.0, 2.0]
    assert (rate.name, rate.unit) == ("MLP, 256", "images_per_second")
    assert rate.row() == ["MLP, 256", "300 images/s", "125 images/s", "2.500 x", "1.000"]


def test_values_of_one_process_are_paired_by_place() -> None:
    both = Change(("seconds",), [[1.0, 100.0, 10.0]], [[1.0, 300.0, 20.0]])
    assert both.ratios == [2.0]  # the median of 1, 3 and 2, not a ratio of medians


def test_only_a_change_above_the_spread_is_slower() -> None:
    assert change([1, 1, 1], [1.10, 1.12, 1.15]).is_slower  # 0.12 above 1, spread 0.05
    assert not change([1, 1, 1], [1.00, 1.12, 1.15]).is_slower  # spread 0.15
    assert not change([1, 1, 1], [1, 1, 1]).is_slower
    assert not change([2, 2, 2], [1, 1, 1]).is_slower  # faster


def test_the_verdict_names_what_is_slower() -> None:
    same = change([1, 1], [1, 1])
    assert verdict([same]) == "no measure is slower now by more than the spread"
    slower = change([1, 1], [2, 2], "seconds", "plain PyTorch")
    assert verdict([same, slower]).endswith("by more than the spread: plain PyTorch (2.000 x)")


def test_measures_are_numbers_below_a_key_that_names_a_time() -> None:
    assert find_measures(
        {
            "benchmark": "infer",
            "repeats": 1,
            "images_per_second": {"MLP": {"1": [10.0], "256": [90.0]}},
            "latency_ms": {"MLP": {"median": 0.1}},
            "ratio": {"ours": 1.0},
            "hardware": {"cores": 2},
        }
    ) == {("images_per_second", "MLP", "1"): [10.0], ("images_per_second", "MLP", "256"): [90.0]}


def test_only_measures_of_all_processes_are_paired() -> None:
    one: dict[tuple[str, ...], list[float]] = {("seconds", "a"): [1.0], ("seconds", "b"): [1.0]}
    other: dict[tuple[str, ...], list[float]] = {("seconds", "a"): [2.0], ("seconds", "c"): [1.0]}
    assert pair([one, one], [other, other]) == [
        Change(("seconds", "a"), [[1.0], [1.0]], [[2.0], [2.0]])
    ]
    assert not pair([one], [{keys: [*values, 1.0] for keys, values in one.items()}])
    assert not pair([one], [{keys: [0.0] for keys in one}])  # no ratio to nothing
