"""Damaged and odd datasets: one line that names the file, what was expected and the way out."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdigits.core.errors import InputError
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.paths.dataset import PathDataset, open_path
from deepdigits.data.paths.pictures import frame

CANARY = Path("canary")
HEAD = ",".join(["label", *(f"pixel{number}" for number in range(784))])


def opened(path: str, skip: bool = False) -> PathDataset:
    return open_path(os.path.abspath(path), Path("data"), 0, skip)


def folder(*more: str) -> None:
    """A folder `f` of two classes with six images each, and further empty folders in it."""
    for number in range(12):
        path = Path("f", "ab"[number % 2], f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((28, 28), number, np.uint8)).save(path)
    for name in more:
        Path("f", name).mkdir(parents=True)


def table(*changes: tuple[int, int, str], rows: int = 12, head: str = HEAD, drop: int = 0) -> None:
    """A table `t.csv` with changed values (row, column, text)."""
    cells = [[str(row % 2), *["7"] * 784] for row in range(rows)]
    for row, column, text in changes:
        cells[row][column] = text
    lines = [head, *(",".join(row[: len(row) - drop]) for row in cells)]
    Path("t.csv").write_text("\n".join(lines) + "\n")


def archive(**arrays: Any) -> None:
    images, labels = np.zeros((12, 28, 28), np.uint8), np.arange(12) % 2
    given = {"x_train": images, "y_train": labels, **arrays}
    np.savez("a.npz", **{key: value for key, value in given.items() if value is not None})


class Evil:
    def __reduce__(self) -> Any:
        return os.system, (f"touch {CANARY.absolute()}",)


def linked() -> None:
    folder()
    Path("f/a/deep").mkdir()
    Path("f/a/deep/up").symlink_to(Path("f").absolute())


def linked_to_itself() -> None:
    folder()
    Path("f/a/round.png").symlink_to("round.png")


def written(path: str, content: bytes) -> Callable[[], None]:
    def write() -> None:
        folder()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)

    return write


def images_of(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (28, 28)).save(name)


def idx_of(idx: bytes, name: str = "train-images-idx3-ubyte") -> None:
    Path("i").mkdir()
    Path("i", name).write_bytes(idx)


def labels_and(images: bytes) -> None:
    idx_of(images)
    Path("i/train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x02\0\x01")


WRONG: dict[str, tuple[Callable[[], None], str, tuple[str, ...]]] = {
    # folders
    "empty class folder": (lambda: folder("c"), "f", ("f/c has no image", "remove the folder")),
    "empty folder": (lambda: Path("f").mkdir(), "f", ("has no IDX files", "class folders")),
    "one class": (lambda: images_of("f/a/1.png", "f/a/2.png"), "f", ("1 class", "2 to 1,000")),
    "one image": (lambda: images_of("f/a/1.png"), "f", ("1 class", "2 to 1,000")),
    "two images": (lambda: images_of("f/a/1.png", "f/b/2.png"), "f", ("2 images", "6 or more")),
    "circle of links": (linked, "f", ("f/a/deep/up is a link to a folder above", "remove")),
    "link to itself": (linked_to_itself, "f", ("f/a/round.png cannot be read", "skip_damaged")),
    "0 bytes": (written("f/a/0.png", b""), "f", ("f/a/0.png is empty", "skip_damaged true")),
    "text": (written("f/a/0.png", b"hello"), "f", ("f/a/0.png is not a readable image",)),
    "PostScript": (written("f/a/0.png", b"%!PS-Adobe-3.0 EPSF\n"), "f", ("f/a/0.png",)),
    "newline": (written("f/a/n\nl.png", b"1"), "f", ("f/a/n\\nl.png is not a readable",)),
    "image beside the classes": (
        lambda: (folder(), images_of("f/1.png"))[0],
        "f",
        ("f/1.png is in no class folder", "move it"),
    ),
    "split below a class": (
        lambda: images_of("f/a/train/1.png", "f/b/train/1.png"),
        "f",
        ("f/a/train is below the class folder a", "train/a"),
    ),
    "split and another folder": (
        lambda: images_of("f/train/a/1.png", "f/extra/a/1.png"),
        "f",
        ("has train/ and the folder extra", "move it out"),
    ),
    "no training images": (lambda: images_of("f/test/a/1.png"), "f", ("no folder train",)),
    "class of the test only": (
        lambda: images_of("f/train/a/1.png", "f/train/b/1.png", "f/test/c/1.png"),
        "f",
        ("f/test/c: no training image has this class", "f/train/c"),
    ),
    "long class name": (lambda: images_of(f"f/{'a' * 101}/1", "f/b/1.png"), "f", ()),
    # CSV
    "missing column": (lambda: table(head=HEAD[:-9], drop=1), "t.csv", ("783 others", "784")),
    "missing value": (lambda: table(drop=1), "t.csv", ("t.csv, line 2: 784 values, expected 785",)),
    "NaN": (
        lambda: table((3, 5, "nan")),
        "t.csv",
        ("t.csv, line 5, column pixel4: 'nan', expected a whole number from 0 to 255",),
    ),
    "empty value": (lambda: table((3, 5, "")), "t.csv", ("line 5, column pixel4: ''",)),
    "256": (lambda: table((4, 784, "256")), "t.csv", ("line 6, column pixel783: '256'",)),
    "-1": (lambda: table((4, 784, "-1")), "t.csv", ("line 6, column pixel783: '-1'",)),
    "huge": (lambda: table((4, 784, "9" * 30)), "t.csv", ("line 6, column pixel783",)),
    "fraction": (lambda: table((4, 7, "0.5")), "t.csv", ("line 6, column pixel6: '0.5'",)),
    "label 1.0": (lambda: table((2, 0, "1.0")), "t.csv", ("line 4, column label: '1.0'",)),
    "no label": (lambda: table((2, 0, "")), "t.csv", ("line 4, column label: ''",)),
    "no label column": (
        lambda: table(head=HEAD.replace("label", "pixel")),
        "t.csv",
        ("has no column label",),
    ),
    "no rows": (lambda: table(rows=0), "t.csv", ("t.csv",)),
    "empty table": (lambda: Path("t.csv").touch(), "t.csv", ("t.csv is empty",)),
    "bytes": (lambda: Path("t.csv").write_bytes(b"\xff\xfe\0"), "t.csv", ("it is no CSV text",)),
    # npz
    "pickle as labels": (
        lambda: archive(y_train=np.array([Evil()] * 12, object)),
        "a.npz",
        ("a.npz holds pickled Python objects", "never read"),
    ),
    "pickle beside": (
        lambda: archive(other=np.array([Evil()], object)),
        "a.npz",
        (),  # it is not read, and the rest is whole
    ),
    "other shape": (
        lambda: archive(x_train=np.zeros((12, 3, 32, 32), np.uint8)),
        "a.npz",
        ("x_train has the shape (12, 3, 32, 32)", "expected (N, H, W) or (N, H, W, 3)"),
    ),
    "floats": (lambda: archive(x_train=np.zeros((12, 28, 28))), "a.npz", ("float64", "0 to 255")),
    "pixel 300": (
        lambda: archive(x_train=np.full((12, 28, 28), 300)),
        "a.npz",
        ("x_train has the pixel 300",),
    ),
    "float labels": (lambda: archive(y_train=np.arange(12) / 2), "a.npz", ("y_train", "float64")),
    "fewer labels": (lambda: archive(y_train=np.arange(11)), "a.npz", ("(11,), expected (12,)",)),
    "several labels": (lambda: archive(y_train=np.zeros((12, 14), int)), "a.npz", ("(12, 14)",)),
    "no labels": (lambda: archive(y_train=None), "a.npz", ("no key y_train",)),
    "other keys": (lambda: np.savez("a.npz", data=np.zeros(3)), "a.npz", ("the keys data", "x_tr")),
    "half a test split": (
        lambda: archive(x_test=np.zeros((2, 28, 28), np.uint8)),
        "a.npz",
        ("no key y_test",),
    ),
    "class of the test only, npz": (
        lambda: archive(x_test=np.zeros((1, 28, 28), np.uint8), y_test=np.array([7])),
        "a.npz",
        ("the test images have the class 7",),
    ),
    "no zip": (lambda: Path("a.npz").write_bytes(b"PK"), "a.npz", ("a.npz is damaged",)),
    # IDX
    "IDX without labels": (
        lambda: idx_of(b""),
        "i",
        ("i/train-labels-idx1-ubyte is missing",),
    ),
    "IDX cut": (lambda: labels_and(b"\0\0\x08\x03\0\0\0\x02"), "i", ("train-images", "damaged")),
    "IDX too short": (
        lambda: labels_and(b"\0\0\x08\x03\0\0\0\x02\0\0\0\x1c\0\0\0\x1c1234"),
        "i",
        ("its header names 1,568 bytes of values, and it has 4",),
    ),
    "IDX of another size": (
        lambda: labels_and(b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02" + bytes(4)),
        "i",
        ("the shape (2, 1, 2)",),
    ),
    "IDX that is huge": (
        lambda: labels_and(b"\0\0\x08\x03\xff\xff\xff\xff\0\0\0\x1c\0\0\0\x1c"),
        "i",
        ("too large",),
    ),
    "no IDX": (lambda: labels_and(b"hello world"), "i", ("is no IDX file",)),
    # paths
    "no such path": (folder, "g/a", ("g/a does not exist", "one of mnist")),
    "almost": (folder, "./ff", ("ff does not exist", "did you mean 'f'?")),
    "another kind": (lambda: Path("x.txt").touch(), "x.txt", ("x.txt is no dataset", ".npz")),
    "pipe": (lambda: os.mkfifo("p.csv"), "p.csv", ("p.csv is neither a file nor a folder",)),
}
HARMLESS = {"pickle beside", "long class name"}


@pytest.mark.parametrize("kind", [kind for kind in WRONG if kind not in HARMLESS])
def test_a_wrong_dataset_is_one_line(kind: str) -> None:
    make, path, expected = WRONG[kind]
    make()
    with pytest.raises(InputError) as caught:
        opened(path)
    line = str(caught.value)
    assert line.isprintable()
    for text in expected:
        assert text in line, line
    assert not CANARY.exists()
    assert not list(Path("data").rglob("*.npz"))


def test_a_pickle_beside_is_not_read() -> None:
    WRONG["pickle beside"][0]()
    assert opened("a.npz").classes == ("0", "1")
    assert not CANARY.exists()


def test_names_of_the_catalogue_and_almost() -> None:
    with pytest.raises(InputError, match=r"is not one of mnist, .*did you mean 'mnist'\?"):
        DigitsDataModule(dataset="mnits")
    Path("digits.npz").touch()
    with pytest.raises(InputError, match=r"did you mean 'digits\.npz'\?"):
        DigitsDataModule(dataset="digits.np")


@pytest.mark.parametrize("number", [1, 3])
def test_damaged_images_are_left_out_and_counted(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder()
    for place in range(number):
        Path("f/a", f"{place * 2}.png").write_bytes(b"damaged")
    found = opened("f", skip=True)
    assert found.num_train + found.num_test == 12 - number
    for _ in range(2):  # the second start says it too
        err = capsys.readouterr().err
        assert f"note: {number} damaged images are left out" in err or number == 1
        assert "f/a/0.png is not a readable image" in err
        opened("f", skip=True)


def test_a_class_of_damaged_images_only_is_an_error() -> None:
    folder()
    for file in Path("f/a").iterdir():
        file.write_bytes(b"damaged")
    with pytest.raises(InputError, match="all training images of the class a are damaged"):
        opened("f", skip=True)


def test_classes_of_one_name_in_two_cases(capsys: pytest.CaptureFixture[str]) -> None:
    images_of(*(f"f/{name}/{number}.png" for name in "aAb" for number in range(4)))
    assert opened("f").classes == ("A", "a", "b")
    assert "the classes A and a differ only in upper and lower case" in capsys.readouterr().err


def test_other_files_are_named_and_hidden_ones_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    folder()
    for name in ("f/a/notes.txt", "f/read.me", "f/.DS_Store", "f/a/Thumbs.db"):
        Path(name).write_text("x")
    opened("f")
    assert "note: 2 files are no image by the name and not used" in capsys.readouterr().err


def test_nested_folders_belong_to_the_class() -> None:
    images_of(*(f"f/{name}/writer {n}/deep/{n}.png" for name in "ab" for n in range(6)))
    assert opened("f").classes == ("a", "b")


def test_names_with_line_breaks_are_printable() -> None:
    images_of(*(f"f/{name}/{n}.png" for name in ("a\nb", "c\x1b[31m") for n in range(6)))
    assert opened("f").classes == ("a\\nb", "c\\x1b[31m")


def test_unlabelled_test_csv_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    table()
    Path("k").mkdir()
    Path("t.csv").rename("k/train.csv")
    Path("k/test.csv").write_text(HEAD.partition(",")[2] + "\n")
    found = opened("k")
    assert (found.num_train, found.num_test) == (10, 2)
    assert "note: test.csv has no column label, and is not used" in capsys.readouterr().err


def test_a_folder_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    folder()

    def refuse(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(InputError, match=r"f cannot be read: Permission denied"):
        opened("f")


def test_a_data_folder_that_cannot_be_written() -> None:
    folder()
    Path("data").touch()
    with pytest.raises(InputError, match=r"data/paths cannot be written .*--data\.data_dir"):
        opened("f")


# ---------------------------------------------------------------- kinds of images


def grey_image() -> Image.Image:
    return Image.fromarray(np.arange(784, dtype=np.uint8).reshape(28, 28))


KINDS: dict[str, Callable[[Path], Any]] = {
    "a.png": lambda path: grey_image().save(path),
    "a.bmp": lambda path: grey_image().save(path),
    "a.tiff": lambda path: grey_image().save(path),
    "a.pgm": lambda path: grey_image().save(path),
    "rgb.png": lambda path: grey_image().convert("RGB").save(path),
    "palette.png": lambda path: grey_image().convert("P").save(path),
    "16.png": lambda path: Image.fromarray(np.asarray(grey_image()).astype(np.uint16) * 257).save(
        path
    ),
    "animated.gif": lambda path: grey_image().save(
        path, save_all=True, append_images=[Image.new("L", (28, 28), 9)]
    ),
    "opaque.png": lambda path: grey_image().convert("RGBA").save(path),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_image_keeps_its_pixels(name: str) -> None:
    KINDS[name](Path(name))
    framed = frame(Path(name), "none")
    assert np.array_equal(framed.pixels, np.asarray(grey_image()))
    assert framed.size == (28, 28)


def test_cmyk_and_black_and_white() -> None:
    Image.new("CMYK", (28, 28), (0, 0, 0, 255)).save("black.jpg")
    assert frame(Path("black.jpg"), "fit").pixels.max() <= 2
    Image.new("1", (28, 28), 1).save("white.png")
    assert frame(Path("white.png"), "fit").pixels.min() == 255


@pytest.mark.parametrize("size", [(1, 1), (500, 3), (3, 500), (29, 28), (2_000, 1_500)])
def test_each_size_is_fitted(size: tuple[int, int]) -> None:
    Image.new("L", size, 90).save("a.png")
    framed = frame(Path("a.png"), "fit")
    assert framed.pixels.shape == (28, 28)
    assert (framed.pixels == 90).all()
    assert framed.size == size
