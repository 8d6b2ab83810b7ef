"""The file of predictions: small, whole, and read without running code."""

import zipfile

import numpy as np
import pytest

from deepdigits.core.errors import InputError
from deepdigits.runs import predictions

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 47, 10_000)
PREDICTED = np.where(RNG.random(10_000) < 0.02, (LABELS + 1) % 47, LABELS)


def test_what_is_written_is_read(tmp_path):
    path = predictions.write(tmp_path, "test", PREDICTED, LABELS)
    found = predictions.read(tmp_path, "test")
    assert (found.predicted == PREDICTED).all() and (found.labels == LABELS).all()
    assert found.predicted.dtype == np.uint8
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.npz"]
    assert path.stat().st_size < 20_000
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {"predicted", "labels"}


def test_each_split_has_its_own_file(tmp_path):
    predictions.write(tmp_path, "val", PREDICTED, LABELS)
    assert predictions.read(tmp_path, "test") is None
    assert len(predictions.read(tmp_path, "val").labels) == 10_000


def test_the_bytes_hold_no_time(tmp_path):
    path = predictions.write(tmp_path, "test", PREDICTED, LABELS)
    before = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert predictions.write(tmp_path, "test", PREDICTED, LABELS).read_bytes() == before


@pytest.mark.parametrize("keep", [0, 1, 100, 5000, -30])
def test_a_file_cut_short_is_named(tmp_path, keep):
    path = predictions.write(tmp_path, "test", PREDICTED, LABELS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"predictions\.npz is damaged"):
        predictions.read(tmp_path, "test")


def test_a_changed_file_is_named(tmp_path):
    path = predictions.write(tmp_path, "test", PREDICTED, LABELS)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        predictions.read(tmp_path, "test")


@pytest.mark.parametrize("arrays", [{"predicted": LABELS}, {"predicted": LABELS, "labels": [1]}])
def test_other_arrays_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "predictions.npz", **arrays)
    with pytest.raises(InputError, match="test the run again"):
        predictions.read(tmp_path, "test")


def test_pickles_and_bare_arrays_are_refused(tmp_path):
    objects = np.array([{}], dtype=object)
    np.savez(tmp_path / "predictions.npz", predicted=objects, labels=objects)
    with pytest.raises(InputError, match="damaged"):
        predictions.read(tmp_path, "test")
    with (tmp_path / "predictions.npz").open("wb") as file:
        np.save(file, LABELS)
    with pytest.raises(InputError, match="damaged"):
        predictions.read(tmp_path, "test")
