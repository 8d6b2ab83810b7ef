"""Folds and label edits of the data module: which images are in which split."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepdigits.core.errors import InputError
from deepdigits.data.module import DigitsDataModule

pytestmark = pytest.mark.usefixtures("tiny_digits")
SPLITS = ("train", "val", "test")


def prepared(**settings: Any) -> DigitsDataModule:
    """The tiny set: 300 training images, 130 to test."""
    data = DigitsDataModule(**{"batch_size": 50, "val_size": 60, **settings})
    data.prepare_data()
    for stage in ("fit", "test"):
        data.setup(stage)
    return data


def places(data: DigitsDataModule) -> dict[str, list[int]]:
    return {split: data.places(split).tolist() for split in SPLITS}  # type: ignore[arg-type]


def test_each_training_image_is_held_out_once(tiny_arrays: dict[str, Any]) -> None:
    images, labels = (tiny_arrays[f"train-{k}"] for k in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    held_out: list[int] = []
    for fold in range(7):
        data = prepared(folds=7, fold=fold)
        found = places(data)
        assert sorted(found["train"] + found["val"] + found["test"]) == list(range(300))
        for split in SPLITS:
            ours, theirs = data.images_and_labels(split)  # type: ignore[arg-type]
            assert np.array_equal(ours, images[found[split]])
            assert theirs.tolist() == labels[found[split]].tolist()
            assert data.num_images(split) == len(ours)  # type: ignore[arg-type]
        assert data.dataset_name == "mnist, fold of 7"
        held_out += found["test"]
    assert sorted(held_out) == list(range(300))


def test_without_folds_the_splits_are_the_same_as_ever() -> None:
    found = places(prepared())
    assert sorted(found["train"] + found["val"]) == list(range(300))
    assert found["test"] == list(range(130))


def test_the_test_images_are_not_read(tiny_digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepdigits.data import sources

    read = sources.load

    def only_training(name: str, folder: Path, train: bool) -> Any:
        assert train
        return read(name, folder, train)

    monkeypatch.setattr(sources, "load", only_training)
    assert len(prepared(folds=5).places("test")) == 60


def test_another_split_seed_chooses_other_folds() -> None:
    one, other = (places(prepared(folds=5, split_seed=seed))["test"] for seed in (0, 1))
    assert one != other


def test_edits_come_before_folds_and_validation(tiny_arrays: dict[str, Any]) -> None:
    labels = tiny_arrays["train-labels-idx1-ubyte"]
    Path("gone.csv").write_text("index\n" + "".join(f"{i}\n" for i in range(0, 40)))
    Path("new.csv").write_text("index,label\n299,0\n298,0\n")
    edits: dict[str, Any] = {"exclude": "gone.csv", "relabel": "new.csv"}
    expected = labels.copy()
    expected[[299, 298]] = 0
    for settings in ({}, {"folds": 4, "fold": 3}):
        data = prepared(**edits, **settings)
        found = places(data)
        training = found["train"] + found["val"] + (found["test"] if settings else [])
        assert sorted(training) == list(range(40, 300))
        for split in SPLITS if settings else SPLITS[:2]:
            ours = data.images_and_labels(split)[1]  # type: ignore[arg-type]
            assert ours.tolist() == expected[found[split]].tolist()
            assert data.num_images(split) == len(ours)  # type: ignore[arg-type]
    assert data.dataset_name == "mnist (40 excluded, 2 relabelled), fold of 4"


def test_the_test_images_stay_as_they_are() -> None:
    Path("new.csv").write_text("index,label\n0,0\n1,0\n")
    plain, edited = prepared(), prepared(relabel="new.csv")
    for one, other in zip(
        plain.images_and_labels("test"), edited.images_and_labels("test"), strict=True
    ):
        assert torch.equal(one, other)
    assert edited.dataset_name == "mnist"
    assert edited.division.name_of("val") == "mnist (2 relabelled)"


def test_a_path_with_a_validation_split_keeps_it(tiny_arrays: dict[str, Any]) -> None:
    images, labels = (tiny_arrays[f"train-{k}"] for k in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    arrays = {"train_images": images[:200], "train_labels": labels[:200]}
    arrays |= {"val_images": images[200:], "val_labels": labels[200:]}
    np.savez("mine.npz", **arrays, test_images=images[:30], test_labels=labels[:30])
    data = prepared(dataset="./mine.npz", folds=4, fold=1, data_dir="data")
    found = places(data)
    assert found["val"] == list(range(100))
    assert np.array_equal(data.images_and_labels("val")[0], images[200:])
    assert sorted(found["train"] + found["test"]) == list(range(200))
    assert [data.num_images(split) for split in SPLITS] == [150, 100, 50]  # type: ignore[arg-type]
    assert data.dataset_name.startswith("mine.npz@")
    assert data.dataset_name.endswith(", fold of 4")


def test_a_path_without_a_test_split(
    write_dataset: Callable[..., Path], tiny_arrays: dict[str, Any]
) -> None:
    """The sixth that is held out for the test is in no fold."""
    images, labels = (tiny_arrays[f"train-{k}"] for k in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    np.savez("mine.npz", x_train=images, y_train=labels)
    settings: dict[str, Any] = {"dataset": "./mine.npz", "data_dir": "data"}
    test = prepared(**settings).images_and_labels("test")[0]
    data = prepared(**settings, folds=5)
    assert sum(len(one) for one in places(data).values()) == 250
    rows = {
        image.numpy().tobytes() for split in SPLITS for image in data.images_and_labels(split)[0]
    }  # type: ignore[arg-type]
    assert rows.isdisjoint(image.numpy().tobytes() for image in test)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 2, "batch_size": 200}, "batch_size is 200, but mnist has only 150 training"),
        ({"folds": 1}, "folds is 1, expected 2 to 300"),
        ({"fold": 2}, "pass --data.folds K too"),
        ({"exclude": "x.csv"}, "x.csv does not exist"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DigitsDataModule(**{"batch_size": 50, "val_size": 60, **settings})
