"""Datasets by their path: each form gives the same images; splits, names and the prepared copy."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from deepdigits.core.errors import InputError
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.paths import conversion
from deepdigits.data.paths.dataset import open_path
from deepdigits.data.paths.path_dataset import PathDataset
from deepdigits.data.paths.recognition import find_source
from deepdigits.data.registry import Split

Arrays = dict[str, Any]
Write = Callable[[str, Path, Arrays], Path]
DATA = Path("data")
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def opened(path: Path | str, seed: int = 0, skip: bool = False) -> PathDataset:
    return open_path(str(Path(path).absolute()), DATA, seed, skip)


def module(path: Path | str, **settings: Any) -> DigitsDataModule:
    given = {"batch_size": 20, "val_size": 30, "data_dir": str(DATA), **settings}
    data = DigitsDataModule(dataset=str(path), **given)
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    return data


def tree(arrays: Arrays, folder: str = "photos", names: Any = str, number: int = 120) -> Path:
    """A folder of class folders without splits."""
    images, labels = (arrays[name][:number] for name in TRAIN)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = Path(folder, names(label), f"{place}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return Path(folder)


def test_each_form_has_the_same_images(
    form: str, write_dataset: Write, tiny_arrays: Arrays
) -> None:
    data = module(write_dataset(form, Path("mine"), tiny_arrays), val_size=0)
    for split, names in (("train", TRAIN), ("test", TEST)):
        images, labels = data.images_and_labels(split)  # type: ignore[arg-type]
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert np.array_equal(images, tiny_arrays[names[0]])
        assert np.array_equal(labels, tiny_arrays[names[1]])
    assert data.class_names == tuple("0123456789")
    assert data.num_images("test") == 130


def test_forms_of_one_content_have_one_copy(write_dataset: Write, tiny_arrays: Arrays) -> None:
    forms = ("idx", "keras.npz", "csv", "tree")
    found = [opened(write_dataset(one, Path(one, "mine"), tiny_arrays)) for one in forms]
    assert len({one.sha256 for one in found}) == 1
    assert len([*DATA.rglob("*.npz")]) == 1


def test_without_a_test_split_some_images_are_held_out(
    tiny_arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    data, other = module(tree(tiny_arrays)), module("photos", split_seed=1)
    assert "one of 6 images, held out with split_seed 0" in capsys.readouterr().err
    sizes = [data.num_images(split) for split in ("train", "val", "test")]  # type: ignore[arg-type]
    assert (
        sizes
        == [70, 30, 20]
        == [
            len(data.images_and_labels(split)[0])  # type: ignore[arg-type]
            for split in ("train", "val", "test")
        ]
    )
    everything = torch.cat([data.images_and_labels(split)[0] for split in data._tensors])
    assert len({image.numpy().tobytes() for image in everything}) == 120
    tests = [one.images_and_labels("test") for one in (data, other)]
    assert not torch.equal(tests[0][0], tests[1][0])
    counts = torch.bincount(torch.from_numpy(tiny_arrays[TRAIN[1]][:120]).long())
    assert ((tests[0][1].bincount(minlength=10) - counts / 6).abs() < 1).all()


def test_its_own_validation_split_is_used(tiny_arrays: Arrays) -> None:
    (x, y), (x_test, y_test) = ([tiny_arrays[name] for name in names] for names in (TRAIN, TEST))
    arrays = {"train_images": x[:200], "train_labels": y[:200], "val_images": x[200:]}
    arrays |= {"val_labels": y[200:], "test_images": x_test, "test_labels": y_test}
    np.savez("medical.npz", **arrays)
    data = module("medical.npz", val_size=5_000)
    assert np.array_equal(data.images_and_labels("val")[0], x[200:])
    assert np.array_equal(data.images_and_labels("train")[0], x[:200])
    assert (data.val_size, data.num_images("train")) == (100, 200)
    assert module("medical.npz", val_size=0).val_dataloader() == []


def test_the_usual_number_of_validation_images_adapts_to_a_small_set(
    tiny_arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    data = module(tree(tiny_arrays), val_size=5_000)
    assert len(data.images_and_labels("val")[0]) == 100 // 6
    assert "16, one of 6, are taken" in capsys.readouterr().err
    with pytest.raises(InputError, match="val_size is 4999, expected 0 to 80"):
        module("photos", val_size=4_999)


def test_class_names_are_those_of_the_folders_in_natural_order(tiny_arrays: Arrays) -> None:
    names = ["class 10", "class 9", "b", "a", "Zebra", "äpfel", "x.y", "12", "5", "_"]
    data = module(tree(tiny_arrays, names=lambda label: names[label]))
    expected = ("5", "12", "Zebra", "_", "a", "b", "class 9", "class 10", "x.y", "äpfel")
    assert data.class_names == expected
    assert data.num_classes == 10


def test_images_of_another_size_are_fitted(capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        page = Image.new("RGB", (100, 50), (30, 30, 30))
        page.paste((250, 250, 250), (40, 0, 60, 50))
        Path("big", str(number % 2)).mkdir(parents=True, exist_ok=True)
        page.save(f"big/{number % 2}/{number}.jpg")
    data = module("big", val_size=2, batch_size=2)
    assert "framing     fit: 12 images of 100x50, light on dark" in capsys.readouterr().err
    image = data.images_and_labels("train")[0][0]
    assert image[0].eq(30).all() and image[-1].eq(30).all()  # the colour of its edges
    assert image[14, 14] > 240 and image[14, 0] < 40


def test_the_second_start_decodes_nothing(
    tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(tree(tiny_arrays))
    monkeypatch.setattr(conversion, "decode_all", None)
    assert opened("photos") == first


@pytest.mark.parametrize("change", ["new", "other pixels", "removed", "renamed"])
def test_a_change_of_a_file_is_noticed(change: str, tiny_arrays: Arrays) -> None:
    first = opened(tree(tiny_arrays))
    file = sorted(Path("photos", "3").iterdir())[0]
    before = file.stat()
    if change == "new":
        Image.new("L", (28, 28)).save("photos/3/new.png")
    elif change == "other pixels":  # of the same size, with the old time
        content = file.read_bytes()
        Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
        file.write_bytes(file.read_bytes()[: len(content)].ljust(len(content), b"\0"))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "removed":
        file.unlink()
    else:
        file.rename(file.with_name("100000.png"))
    assert opened("photos").sha256 != first.sha256


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "record"])
def test_a_damaged_copy_is_prepared_again(damage: str, tiny_arrays: Arrays) -> None:
    first = opened(tree(tiny_arrays))
    ((copy,), (record,)) = (list(DATA.rglob(name)) for name in ("*.npz", "*.json"))
    content = bytearray(copy.read_bytes())
    if damage == "cut":
        copy.write_bytes(content[:-1000])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        copy.write_bytes(content)
    elif damage == "gone":
        copy.unlink()
    else:
        record.write_text("{")
    if damage in ("cut", "flipped"):
        with pytest.raises(InputError, match="missing or damaged"):
            first.load("train")
    again = opened("photos")
    assert again == first
    assert len(again.load("train")[0]) == 100


def test_only_the_data_folder_is_written(tiny_arrays: Arrays) -> None:
    before = {path: path.stat().st_mtime_ns for path in tree(tiny_arrays).rglob("*")}
    here = {path for path in Path().rglob("*") if DATA not in path.parents}
    opened("photos")
    assert {path: path.stat().st_mtime_ns for path in Path("photos").rglob("*")} == before
    after = {path for path in Path().rglob("*") if DATA not in path.parents}
    assert after - here == {DATA}
    assert {path.suffix for path in DATA.rglob("*")} <= {"", ".npz", ".json", ".lock"}


def test_several_first_starts_at_once(tiny_arrays: Arrays) -> None:
    path, found = tree(tiny_arrays), list[PathDataset]()
    threads = [Thread(target=lambda: found.append(opened(path.absolute()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert found.count(found[0]) == 4


def test_a_thousand_classes_and_no_more(tiny_arrays: Arrays) -> None:
    images = np.zeros((6_006, 28, 28), np.uint8)
    labels = np.arange(6_006) % 1_000
    np.savez("many.npz", x_train=images, y_train=labels)
    assert len(opened("many.npz").classes) == 1_000
    np.savez("more.npz", x_train=images, y_train=np.arange(6_006) % 1_001)
    with pytest.raises(InputError, match="has 1,001 classes: expected 2 to 1,000"):
        opened("more.npz")


def test_colour_arrays_become_grey_as_pillow_does_it() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (12, 28, 28, 3), np.uint8)
    np.savez("colour.npz", x_train=colour, y_train=np.arange(12) % 2)
    splits = find_source(Path("colour.npz")).read().splits
    grey = [np.asarray(Image.fromarray(one).convert("L")) for one in colour]
    assert np.array_equal(splits["train"][0], grey)


def test_labels_that_are_texts(tiny_arrays: Arrays) -> None:
    x, y = (tiny_arrays[name] for name in TRAIN)
    np.savez("words.npz", x_train=x, y_train=np.array([f"n{9 - label}" for label in y]))
    found = find_source(Path("words.npz")).read()
    assert found.classes == tuple(f"n{label}" for label in range(10))
    assert np.array_equal(found.splits["train"][1], 9 - y)


def test_the_name_tells_contents_apart(tiny_arrays: Arrays) -> None:
    first = opened(tree(tiny_arrays))
    Image.new("L", (28, 28)).save("photos/3/new.png")
    second = opened("photos")
    assert first.name != second.name
    assert first.name == f"photos@{first.sha256[:8]}"


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_splits_have_several_names(split: Split, tiny_arrays: Arrays) -> None:
    for name in ("Training", "valid", "TESTING"):
        tree(tiny_arrays, f"set/wrapped/{name}", number=60)
    data = module("set", val_size=1)
    assert len(data.images_and_labels(split)[0]) == 60
