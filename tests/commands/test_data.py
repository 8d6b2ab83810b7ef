"""``deepdigits data``: counts, pixels, repeated images and the picture of a dataset."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError

pytestmark = pytest.mark.usefixtures("tiny_digits")

Arrays = dict[str, Any]
Write = Callable[[str, Path, Arrays], Path]
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def test_counts_and_pixels_are_those_of_the_arrays(tiny_arrays: Arrays) -> None:
    made = deepdigits.inspect_data("mnist")
    images, labels = (tiny_arrays[name] for name in TRAIN)
    assert made.facts.counts["train"].tolist() == np.bincount(labels).tolist()
    assert made.facts.counts["test"].tolist() == np.bincount(tiny_arrays[TEST[1]]).tolist()
    assert made.facts.mean == pytest.approx(images.mean())
    assert made.facts.sd == pytest.approx(images.std())
    counts = np.bincount(labels)
    assert made.facts.imbalance == pytest.approx(counts.max() / counts.min())
    assert made.facts.light_on_dark and not made.held_out and made.picture is None
    assert list(Path().iterdir()) == []  # no picture was asked for


def test_repeated_images_are_told_apart_by_split_and_label(
    tiny_arrays: Arrays, write_dataset: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {name: array.copy() for name, array in tiny_arrays.items()}
    arrays[TRAIN[0]][10] = arrays[TRAIN[0]][3]
    arrays[TEST[0]][5] = arrays[TRAIN[0]][3]
    arrays[TRAIN[1]][3] = arrays[TRAIN[1]][10] = 1
    arrays[TEST[1]][5] = 2
    path = write_dataset("keras.npz", Path("mine"), arrays)
    run(["data", str(path), "--format", "json", "--picture", "null"])
    content = json.loads(capsys.readouterr().out)
    exact = content["exact_duplicates"]
    assert (exact["pairs"], exact["across_splits"], exact["with_different_labels"]) == (2, 1, 1)
    assert exact["list"] == [[["train", 3], ["train", 10]], [["train", 3], ["test", 5]]]
    assert content["splits"] == {"train": 300, "test": 130} and content["picture"] is None


def test_files_and_sizes_of_pictures_are_named(
    tiny_arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (image, label) in enumerate(
        zip(*(tiny_arrays[name][:60] for name in TRAIN), strict=True)
    ):
        path = Path("mine", str(label), f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        side = 28 if number < 40 else 56
        Image.fromarray(image).resize((side, side)).save(path)
    label = tiny_arrays[TRAIN[1]][3]
    Path("mine", str((label + 1) % 10), "copy.png").write_bytes(
        Path("mine", str(label), "3.png").read_bytes()
    )
    run(["data", "mine", "--framing", "fit", "--format", "json", "--picture", "null"])
    content = json.loads(capsys.readouterr().out)
    (pair,) = content["exact_duplicates"]["list"]
    names = {Path(image[2]).name for image in pair}
    assert names == {"3.png", "copy.png"}
    assert content["exact_duplicates"]["with_different_labels"] == 1
    assert content["original_images"]["sizes"] == {"28x28": 41, "56x56": 20}
    assert content["original_images"]["framing"] == "fit"
    run(["data", "mine", "--framing", "fit", "--picture", "null"])
    out = capsys.readouterr().out
    assert "sizes       41 of 28x28, 20 of 56x56\n" in out
    assert "pairs of equal images: 1, 0 across splits, 1 with different labels (" in out
    assert "/3.png" in out


def test_all_is_printed_and_the_picture_is_written(
    tiny_arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["data", "mnist"])
    out = capsys.readouterr().out
    assert out.startswith("mnist: 10 classes, 300 train, 130 test\n")
    for number, count in enumerate(np.bincount(tiny_arrays[TRAIN[1]])):
        assert any(line.split()[:2] == [str(number), str(count)] for line in out.splitlines())
    assert "duplicates  pairs of equal images: 0\n" in out
    assert out.endswith("picture     data-mnist.png\n")
    with Image.open("data-mnist.png") as picture:
        assert min(picture.size) > 300


def test_of_many_classes_the_largest_and_the_smallest_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    random = np.random.default_rng(0)
    names = np.array([f"class {number:03d}" for number in range(300)])
    labels = np.concatenate([np.arange(300), np.arange(300), np.full(50, 123)])
    images = random.integers(0, 255, (len(labels), 28, 28), np.uint8)
    np.savez("many.npz", x_train=images, y_train=names[labels])
    made = run(["data", "many.npz"])
    out = capsys.readouterr().out
    assert made.held_out and "test (held out of the training images)" in out
    assert sum(line.lstrip().startswith("class 1") for line in out.splitlines()) < 30
    assert "class 123" in out and "280 classes of sizes between these are left out" in out
    with Image.open("data-many.png") as picture:
        assert picture.size[0] * picture.size[1] < 10_000_000


def test_wrong_input_is_one_line() -> None:
    for words, what in (
        (["mnits"], "did you mean 'mnist'?"),
        (["mnist", "--picture", "a.txt"], "expected a file name that ends in"),
        (["mnist", "--picture", "none/a.png"], "there is no folder none"),
    ):
        with pytest.raises(InputError) as caught:
            run(["data", *words])
        assert what in str(caught.value) and "\n" not in str(caught.value)
