"""``deepdigits classify``: good images are read, bad ones named, in every output format."""

import csv
import io
import json
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepdigits import load
from deepdigits.__main__ import main, run
from deepdigits.commands.classify import classify
from deepdigits.core.errors import InputError


@pytest.fixture
def written(pages) -> dict[str, int]:
    """Files 7.png, 1.png and 4.png in this folder, and the digit in each."""
    for label in (7, 1, 4):
        pages[label].save(f"{label}.png")
    return {f"{label}.png": label for label in (7, 1, 4)}


def read(*args: str) -> list[dict]:
    return run(["classify", *args])


def test_json_has_an_entry_for_each_image(written, capsys) -> None:
    read(*written, "--format", "json")
    entries = json.loads(capsys.readouterr().out)
    assert [(entry["path"], entry["digit"]) for entry in entries] == list(written.items())
    for entry in entries:
        assert entry["text"] == str(entry["digit"])
        assert 0.6 < entry["confidence"] <= 1
        assert entry["runner_up"] in set(range(10)) - {entry["digit"]}
        left, top, right, bottom = entry["digits"][0]["box"]
        assert 60 <= left < right <= 340 and 60 <= top < bottom <= 340  # where it was put


def test_csv_and_table_are_equal(written, capsys) -> None:
    entries = read(*written, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["path", "digit", "confidence", "runner_up", "text"]
    assert [row["digit"] for row in rows] == [str(label) for label in written.values()]
    assert [float(row["confidence"]) for row in rows] == [one["confidence"] for one in entries]
    read(*written)
    table = capsys.readouterr().out.splitlines()
    for row in rows:
        (line,) = [line.split() for line in table if row["path"] in line]
        confidence = f"{float(row['confidence']):.2%}"
        assert line == [row["path"], row["digit"], confidence, row["runner_up"]]


def test_a_row_of_digits_is_one_number(pages, capsys) -> None:
    row = Image.new("L", (1200, 400), 255)
    for place, label in enumerate((9, 0, 5)):
        row.paste(pages[label], (400 * place, 0))
    row.save("row.jpg")
    (entry,) = read("row.jpg", "--format", "json")
    assert (entry["text"], entry["digit"]) == ("905", None)
    assert [digit["digit"] for digit in entry["digits"]] == [9, 0, 5]
    lefts = [digit["box"][0] for digit in entry["digits"]]
    assert [left // 400 for left in lefts] == [0, 1, 2]


def test_an_image_without_a_digit_is_reported(capsys) -> None:
    Image.new("RGB", (200, 100), "beige").save("blank.png")
    (entry,) = read("blank.png")
    assert "no digit" in capsys.readouterr().out
    assert (entry["digit"], entry["text"], entry["confidence"]) == (None, "", None)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_standard_input_is_an_image_too(form, pages, monkeypatch, capsys) -> None:
    content = io.BytesIO()
    pages[4].save(content, form)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
    (entry,) = read("-", "--format", "json")
    assert (entry["path"], entry["digit"]) == ("-", 4)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(InputError, match="standard input is empty"):
        read("-")


def test_a_folder_is_all_images_in_and_below_it(pages, capsys) -> None:
    inner = Path("photos/2026/may.png")  # a folder that is called like an image
    inner.mkdir(parents=True)
    pages[7].save("photos/a.JPG", "JPEG")
    pages[1].save(inner / "b.webp")
    Path("photos/note.txt").write_text("none")
    os.mkfifo("photos/pipe.png")
    entries = read("photos")
    assert [entry["path"] for entry in entries] == ["photos/2026/may.png/b.webp", "photos/a.JPG"]
    assert [entry["digit"] for entry in entries] == [1, 7]


def png(width: int, height: int) -> bytes:
    """A small PNG whose header claims this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000)))


def spoil() -> dict[str, str]:
    """Bad files in this folder, and the error of each."""
    page = Image.new("L", (400, 400), 255)
    for name in ("cut.png", "cut.jpg", "cut.gif", "cut.bmp", "cut.webp"):
        page.paste(Image.effect_noise((400, 300), 80), (0, 50))
        page.save(name)
        Path(name).write_bytes(Path(name).read_bytes()[: Path(name).stat().st_size // 2])
    page.save("scan.tiff")
    Path("empty.png").touch()
    Path("text.png").write_text("no image")
    Path("bomb.png").write_bytes(png(60_000, 60_000))
    Path("over.png").write_bytes(png(10_001, 10_000))
    Path("none.png").mkdir()
    os.mkfifo("pipe.png")
    with Path("heavy.bmp").open("wb") as file:
        file.truncate(100_000_001)
    cut = {f"cut.{kind}": "is damaged" for kind in ("png", "jpg", "gif", "bmp", "webp")}
    return {
        **cut,
        "scan.tiff": "is not a readable image: expected PNG, JPEG, BMP, WEBP or GIF",
        "empty.png": "is empty",
        "text.png": "is not a readable image",
        "bomb.png": "is too large",
        "over.png": "is too large (10001 x 10000 pixels)",
        "none.png": "has no image: expected .bmp, .gif",
        "pipe.png": "is not a regular file",
        "heavy.bmp": "is too large (more than 100 MB)",
        "gone.png": "cannot be read: No such file",
        "x" * 300: "cannot be read: File name too long",
    }


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_bad_files_are_a_line_each_and_good_ones_are_read(
    form, written, monkeypatch, capsys
) -> None:
    bad = spoil()
    names = ["7.png", *bad, "1.png", "4.png"]
    monkeypatch.setattr(sys, "argv", ["deepdigits", "classify", *names, "--format", form])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert all(name in shown.out for name in written)
    *lines, last = shown.err.splitlines()
    assert len(lines) == len(bad)
    for line, (name, message) in zip(lines, bad.items(), strict=True):
        assert line.startswith("deepdigits: error: ") and name in line and message in line
    total = len(names)
    assert last.endswith(f"{len(bad)} of {total} images could not be read; see the lines above")


@pytest.mark.parametrize("name", ["a\nb.png", "a\udcff.png", ""])
def test_an_error_is_one_line_for_any_path(name, capsys) -> None:
    with pytest.raises(InputError) as caught:
        read(name)
    assert str(caught.value).isprintable()


def test_a_single_bad_file_is_the_error(capsys) -> None:
    with pytest.raises(InputError, match=r"^gone\.png cannot be read"):
        read("gone.png")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--model", "gone"], "run gone does not exist"),
        (["--show", "read.txt"], r"--show read\.txt: expected a file name that ends in \.png"),
        (["--show", "gone/read.png"], "there is no folder gone"),
        (["--format", "xml"], "xml"),
    ],
)
def test_wrong_options_are_named(args, message, written) -> None:
    with pytest.raises(InputError, match=message):
        read("7.png", *args)


def test_python_takes_files_folders_images_and_arrays(pages, written) -> None:
    reader = load("cnn")
    assert [one.text for one in classify(list(written), reader)] == ["7", "1", "4"]
    (of_path,) = classify(Path("7.png"), reader)
    (of_image,) = classify(pages[7], "cnn")
    pixels = np.asarray(pages[7])
    for array in (pixels, np.stack([pixels] * 3, axis=2)):
        (of_array,) = classify(array, reader)
        assert (of_array.text, of_array.confidence) == (of_image.text, of_image.confidence)
    assert (of_path.text, of_path.confidence) == (of_image.text, of_image.confidence)
    assert (of_path.name, of_image.name) == ("7.png", "")
    Path("photos").mkdir()
    for name in written:
        Path(name).rename(Path("photos", name))
    mixed = classify([Path("photos"), pages[0]], reader)
    assert [(one.name, one.text) for one in mixed] == [
        ("photos/1.png", "1"),
        ("photos/4.png", "4"),
        ("photos/7.png", "7"),
        ("", "0"),
    ]


def test_python_gets_an_error_for_other_values() -> None:
    Path("empty").mkdir()
    for bad, message in (
        ("gone.png", "gone.png cannot be read"),
        (Path("empty"), "folder empty has no image"),
        (np.zeros((3, 28, 28), np.uint8), "expected uint8"),
        (np.zeros((28, 28)), "expected uint8"),
    ):
        with pytest.raises(InputError, match=message):
            classify(bad, "mlp")
