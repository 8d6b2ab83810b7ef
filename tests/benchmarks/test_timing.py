"""Alternating measurements and their comparison."""

import pytest

from deepdigits.benchmarks.timing import clocked, compare, compared, measure


def test_measurements_alternate() -> None:
    calls: list[str] = []

    def run(name: str) -> float:
        calls.append(name)
        return len(calls)

    measurements = measure({"a": lambda: run("a"), "b": lambda: run("b")}, repeats=3)
    assert calls == ["a", "b"] * 3
    assert measurements == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_clocked_returns_the_elapsed_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("deepdigits.benchmarks.timing.perf_counter", lambda: now[0])

    def wait() -> None:
        now[0] += 2.5

    assert clocked(wait)() == 2.5


def test_ratio_is_taken_within_each_turn() -> None:
    # A slow second turn triples both: the ratio of each turn is still 2.
    assert compare({"a": [1.0, 3.0], "b": [2.0, 6.0]}, base="b") == {"a": 0.5, "b": 1.0}


def test_result_shows_medians_ranges_and_a_ratio_for_each_base() -> None:
    seconds = {"a": [1.0, 2.0, 9.0], "b": [2.0, 4.0, 18.0]}
    result = compared("loop", "a pass", seconds, {"a": "to a", "b": "to b"})
    assert result.columns == ["", "median", "range of 3", "to a", "to b"]
    assert result.rows[1] == ["b", "4.000 s", "2.000 - 18.000", "2.00 x", "1.00 x"]
    assert result.to_dict()["ratio"]["b"] == {"a": 0.5, "b": 1.0}
