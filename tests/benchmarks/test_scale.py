"""Time and memory by size: the digits are repeated, and every point is measured."""

from pathlib import Path

import pytest

from deepdigits.benchmarks import scale
from deepdigits.core.errors import InputError


def test_an_epoch_on_repeated_digits_has_more_steps(tiny_config: str, tmp_path: Path) -> None:
    steps = []
    for factor in (1, 3):
        folder = tmp_path / f"{factor}"
        assert scale.train_repeated(tiny_config, factor, 20, str(folder)) > 0
        (facts,) = folder.rglob("training.json")
        steps.append(scale.json.loads(facts.read_text())["steps"])
    assert steps == [13, 39]  # 300 digits, minus 40 for validation, in batches of 20


def test_every_point_has_a_row_and_the_figure_is_drawn(
    tiny_config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(config: str, point: scale.Point) -> tuple[float, float]:
        return float(point[0]), 1000.0 + point[1]

    monkeypatch.setattr(scale, "_measure_in_process", measured)
    result = scale.bench_scale(tiny_config, repeats=2, plot=str(tmp_path / "lines.png"))
    assert len(result.rows) == len(scale.FACTORS) + len(scale.BATCH_SIZES) - 1
    assert result.rows[2] == ["10 x", "256", "10.00 s", "10.00 x", "1256 MB", "+0 MB"]
    assert (tmp_path / "lines.png").stat().st_size > 10_000


def test_a_wrong_figure_path_is_an_error_before_the_measurement(
    tiny_config: str,
) -> None:
    with pytest.raises(InputError, match="there is no folder missing"):
        scale.bench_scale(tiny_config, plot="missing/lines.png")


@pytest.mark.slow
def test_a_point_is_measured_in_a_separate_process(
    tiny_config: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process does not know the tiny set: it would replace its files by those of MNIST.
    monkeypatch.setenv("DEEPDIGITS_DATA", str(data_folder))
    seconds, peak = scale._measure_in_process(tiny_config, (2, 32))
    assert seconds > 0
    assert peak > 100
