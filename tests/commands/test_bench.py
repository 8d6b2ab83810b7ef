"""``deepdigits bench``: options, table and JSON; no measured time is tested."""

import json
import re
from pathlib import Path

import pytest

from deepdigits.__main__ import run
from deepdigits.benchmarks import data
from deepdigits.benchmarks.revisions import recorded_baseline
from deepdigits.commands.bench import BENCHMARKS
from deepdigits.core.errors import InputError


def test_the_table_names_the_task_and_the_machine(
    tiny_digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measurements = run(["bench", "data", "--limit", "256", "--repeats", "1"])
    shown = capsys.readouterr().out
    assert "one pass over 256 digits" in shown
    assert "torchvision MNIST" in shown and "range of 1" in shown
    assert f"{measurements['hardware']['cores']} cores" in shown
    assert f"torch {measurements['versions']['torch']}" in shown


def test_json_alone_is_on_stdout(tiny_digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measurements = run(["bench", "data", "--limit=256", "--repeats=2", "--format=json"])
    assert json.loads(capsys.readouterr().out) == measurements
    assert measurements["benchmark"] == "data"
    assert measurements["repeats"] == 2
    assert {"seconds", "ratio", "hardware", "versions"} <= measurements.keys()
    assert {"cpu", "cores", "threads"} <= measurements["hardware"].keys()


def test_options_reach_the_benchmark(monkeypatch: pytest.MonkeyPatch, tiny_digits: Path) -> None:
    seen = {}
    original = data.bench_data

    def bench_data(repeats: int = 3, limit: int | None = None):  # type: ignore[no-untyped-def]
        seen.update(repeats=repeats, limit=limit)
        return original(1, 64)

    monkeypatch.setattr(data, "bench_data", bench_data)
    run(["bench", "data", "--repeats", "7"])
    assert seen == {"repeats": 7, "limit": None}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "BENCHMARK"),
        (["weather"], "weather"),
        (["data", "--repeats", "0"], "'0' is not a whole number of 1 or more"),
        (["data", "--limit", "many"], "'many' is not a whole number"),
        (["data", "--seeds", "3"], "--seeds is not an option of bench data"),
        (["infer", "--config", "a.yaml"], "--config is not an option of bench infer"),
        (["speedrun", "--repeats", "3"], "--repeats is not an option of bench speedrun"),
        (["photos", "--baseline"], "--baseline is not an option of bench photos: .* data, loop,"),
        (["loop", "--turns", "5"], "--turns needs --baseline"),
        (["loop", "--baseline", "--turns", "2"], "'2' is too few: expected 3 or more"),
        (["loop", "--baseline", "no-such-commit"], "no-such-commit is not a commit|not a git"),
        (["loop", "--config", "configs/mlp.yaml"], r"mlp\.yaml does not exist: .* is named mlp$"),
        (["speedrun", "--config", "spedrun"], r"config spedrun does not exist: .* 'speedrun'"),
        (["memory", "--config", "gone.yaml"], r"config gone\.yaml does not exist; `deepdigits"),
        (["scale", "--config", "{data: {val_size: 0}}"], "does not exist"),
    ],
)
def test_wrong_input_is_one_line(args: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(["bench", *args])


def test_help_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["bench", "--help"])
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in BENCHMARKS)
    assert "--baseline [COMMIT]" in shown and "--turns" in shown


def test_the_recorded_baseline_is_a_whole_commit_name() -> None:
    """So that nothing else can ever have that name."""
    assert re.fullmatch("[0-9a-f]{40}", recorded_baseline(Path(__file__).parents[2]))
