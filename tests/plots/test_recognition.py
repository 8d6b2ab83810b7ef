"""The figure of `classify --show`: boxes, inputs of the net, saliency maps, bars."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import SubFigure
from PIL import Image

from deepdigits import load
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.inference.explanation import explain
from deepdigits.inference.reader import DigitReader
from deepdigits.inference.reading import Digit, Reading
from deepdigits.inference.saliency import occlusion
from deepdigits.models.shift_tta import with_shift_tta
from deepdigits.plots.recognition import ImagePanel, draw, save
from deepdigits.plots.style import BLUE, VERMILLION


@pytest.fixture(scope="module")
def reader() -> DigitReader:
    return load("cnn")


def panel(name: str, image: Image.Image, reading: Reading, reader: DigitReader) -> ImagePanel:
    (found,) = explain([(image, replace(reading, name=name))], reader)
    return found


@pytest.fixture(scope="module")
def row(data_folder: Path) -> tuple[Image.Image, str]:
    """Test digits 5 to 7 on a grey sheet, and their number."""
    sources.prepare("mnist", data_folder)
    images, labels = sources.load("mnist", data_folder, train=False)
    sheet = Image.new("L", (600, 200), 230)
    for place, digit in enumerate(images[5:8].numpy()):
        ink = Image.fromarray(digit).resize((140, 140), Image.Resampling.BICUBIC)
        sheet.paste(0, (30 + 190 * place, 30), ink)
    return sheet, "".join(map(str, labels[5:8].tolist()))


def texts(part: SubFigure) -> list[str]:
    """All texts in a part of the figure."""
    return [text.get_text() for text in part.findobj(lambda a: hasattr(a, "get_text"))]


def test_each_digit_has_a_box_its_crop_a_saliency_map_and_bars(reader, row) -> None:
    image, number = row
    reading = reader.read(image)
    (part,) = draw([panel("row.jpg", image, reading, reader)]).subfigs
    above, *cells = part.axes
    assert {"row.jpg", "input of the net", "saliency", "probability"} <= set(texts(part))
    assert any(text.startswith(f"{number}  confidence ") for text in texts(part))
    boxes = [(*p.get_xy(), p.get_width(), p.get_height()) for p in above.patches]
    for (left, top, right, bottom), box in zip((d.box for d in reading.digits), boxes, strict=True):
        assert box == (left, top, right - left, bottom - top)
    assert [text.get_text() for text in above.texts] == list(number)
    assert tuple(above.images[0].get_extent()) == (
        0,
        600,
        200,
        0,
    )  # in pixels
    assert len(cells) == 9
    for digit, crop, saliency, bars in zip(
        reading.digits, cells[::3], cells[1::3], cells[2::3], strict=True
    ):
        assert (crop.images[0].get_array() == digit.crop).all()
        pixels = torch.from_numpy(digit.crop / np.float32(255))
        drop = occlusion(with_shift_tta(reader.net, False), pixels, digit.best).numpy()
        colours = np.ma.getdata(saliency.images[1].get_array())
        assert ((colours[..., 0] > colours[..., 2]) == (drop > 0)).all()  # orange
        assert colours[..., 3].argmax() == np.abs(drop).argmax()
        heights = [bar.get_height() for bar in bars.patches]
        assert heights == pytest.approx(digit.probabilities.tolist())


def test_a_rejected_digit_is_marked(reader) -> None:
    crop = np.full((28, 28), 99, np.uint8)
    clear, unclear = np.full((2, 10), 0.05, np.float32)
    clear[3] = unclear[4] = 0.55
    digits = [Digit(3, 1, clear, (0, 0, 9, 9), crop), Digit(None, 1, unclear, (10, 0, 19, 9), crop)]
    reading = Reading(digits, reader.class_names)
    (part,) = draw([panel("odd", Image.new("L", (20, 10)), reading, reader)]).subfigs
    colours = [to_hex(patch.get_edgecolor()).upper() for patch in part.axes[0].patches]
    assert colours == [VERMILLION, BLUE]
    assert [text.get_text() for text in part.axes[0].texts] == ["3", "?"]


def test_an_image_without_a_digit_has_that_title(reader) -> None:
    blank = Image.new("RGB", (300, 100), "beige")
    (part,) = draw([panel("blank.png", blank, reader.read(blank), reader)]).subfigs
    assert {"no digit", "blank.png"} <= set(texts(part))
    assert len(part.axes) == 1


def test_of_many_images_and_digits_the_first_are_shown(reader, row) -> None:
    blank = Image.new("L", (100, 100), 255)
    figure = draw([panel("blank", blank, Reading([], "0123456789"), reader)] * 13)
    assert len(figure.subfigs) == 12
    assert any("the first 12 of 13 images" in text for text in texts(figure))
    image, _ = row
    reading = reader.read(image)
    many = Reading(reading.digits * 5, reader.class_names)
    (part,) = draw([panel("many", image, many, reader)]).subfigs
    assert len(part.axes) == 1 + 3 * 10
    assert any("(the first 10 digits)" in text for text in texts(part))


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "svg", "pdf"])
def test_every_format_is_written_for_any_file_name(kind, row, capsys) -> None:
    row[0].save("a$b$ \N{SNOWMAN} 漢.png")  # not TeX, and letters that the font may lack
    run(["classify", "a$b$ \N{SNOWMAN} 漢.png", "--show", f"read.{kind}"])
    assert capsys.readouterr().err == f"deepdigits: picture: read.{kind}\n"
    if kind in ("svg", "pdf"):
        assert Path(f"read.{kind}").read_bytes()[:5] in (b"<?xml", b"%PDF-")
        return
    with Image.open(f"read.{kind}") as picture:
        assert min(picture.size) > 400


def test_the_figure_has_colours_and_predictions_stay_the_same(row, capsys) -> None:
    """A JPEG is decoded in grey, unless it is shown."""
    image = Image.merge("RGB", [row[0].point(lambda v, c=c: v * c // 255) for c in (255, 240, 180)])
    image.save("colour.jpg")
    plain = run(["classify", "colour.jpg"])
    shown = run(["classify", "colour.jpg", "--show", "read.png"])
    assert plain[0]["text"] == shown[0]["text"]
    assert plain[0]["confidence"] == pytest.approx(shown[0]["confidence"], abs=0.01)
    with Image.open("read.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert ((pixels[..., 0] - pixels[..., 2] > 40) & (pixels[..., 1] > 150)).mean() > 0.05


def test_an_error_names_the_figure_that_cannot_be_written(reader, tmp_path) -> None:
    blank = Image.new("L", (100, 100), 255)
    with pytest.raises(InputError, match=r"figure .*gone/read\.png cannot be written"):
        save([panel("blank", blank, Reading([], "01"), reader)], tmp_path / "gone" / "read.png")
