"""The file of the metrics of each epoch: written whole, read as arrays."""

from pathlib import Path

import numpy as np
import pytest

from deepdigits.core.errors import InputError
from deepdigits.runs.curves import read_curves, write_curves

HISTORY = {
    "train/loss": [(1, 2 / 3), (2, 1e-9), (3, float("nan"))],
    "val/f1/9": [(2, 0.5)],
}


def test_curves_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = write_curves(tmp_path, HISTORY)
    assert path.read_text() == (
        "epoch,train/loss,val/f1/9\n1,0.6666666666666666,\n2,1e-09,0.5\n3,nan,\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["curves.csv"]
    curves = read_curves(tmp_path)
    assert list(curves) == ["epoch", "train/loss", "val/f1/9"]
    np.testing.assert_array_equal(curves["epoch"], [1, 2, 3])
    np.testing.assert_array_equal(curves["train/loss"], [2 / 3, 1e-9, np.nan])
    np.testing.assert_array_equal(curves["val/f1/9"], [np.nan, 0.5, np.nan])


def test_a_failed_write_keeps_the_former_file(tmp_path: Path) -> None:
    before = write_curves(tmp_path, HISTORY).read_text()
    with pytest.raises(TypeError):
        write_curves(tmp_path, {"train/loss": [(1, 0.5), 2]})  # type: ignore[list-item]
    assert (tmp_path / "curves.csv").read_text() == before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no curves\.csv"):
        read_curves(tmp_path)


@pytest.mark.parametrize("text", ["", "epoch,a\n1,x\n", "epoch,a\n1\n", "epoch\n1,2\n"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "curves.csv").write_text(text)
    with pytest.raises(InputError, match=r"curves\.csv is damaged") as caught:
        read_curves(tmp_path)
    assert "\n" not in str(caught.value)
