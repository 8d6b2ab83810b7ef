"""Real digits in every file format, colour mode and light, read by classify."""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from deepdigits.__main__ import run

Kind = Callable[[Image.Image], bytes]


def saved(image: Image.Image, form: str = "PNG", **options) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def mode(page: Image.Image, to: str, form: str = "PNG") -> bytes:
    return saved(page.convert(to), form)


def coloured(page: Image.Image, pen: str, paper: str, to: str = "RGB", form: str = "PNG") -> bytes:
    return saved(ImageOps.colorize(page, pen, paper).convert(to), form)


def alpha(page: Image.Image, pen: tuple[int, ...], form: str = "PNG") -> bytes:
    """Ink of one colour on a transparent page."""
    ink = ImageOps.invert(page)
    bands = [Image.new("L", page.size, value) for value in pen]
    return saved(Image.merge("LA" if len(pen) == 1 else "RGBA", [*bands, ink]), form)


def clear_palette(page: Image.Image, pen: int, form: str) -> bytes:
    """Colour 0 is transparent, colour 1 the pen; both are nearly the same."""
    picture = Image.fromarray((np.asarray(page) < 128).astype(np.uint8), "P")
    picture.putpalette([min(255, pen + 9)] * 3 + [pen] * 3)
    return saved(picture, form, transparency=0)


def clear_paper(page: Image.Image) -> bytes:
    """White is transparent, and the edges of the ink are of all greys, as paint programs leave."""
    return saved(page.point(lambda value: 255 if value > 200 else value), transparency=255)


def animated(page: Image.Image, form: str) -> bytes:
    blot = Image.new("L", page.size, 0)
    return saved(page, form, save_all=True, append_images=[ImageOps.flip(page), blot])


def sixteen_bits(page: Image.Image) -> bytes:
    return saved(Image.fromarray(np.asarray(page).astype(np.uint16) * 257))


def one_bit(page: Image.Image, form: str = "PNG") -> bytes:
    return saved(page.point(lambda value: 255 * (value > 128)).convert("1"), form)


# EXIF orientation -> what a camera held that way stores of an upright page.
HELD = {
    1: lambda page: page,
    2: ImageOps.mirror,
    3: lambda page: page.rotate(180),
    4: ImageOps.flip,
    5: lambda page: page.transpose(Image.Transpose.TRANSPOSE),
    6: lambda page: page.transpose(Image.Transpose.ROTATE_90),
    7: lambda page: page.transpose(Image.Transpose.TRANSVERSE),
    8: lambda page: page.transpose(Image.Transpose.ROTATE_270),
}


def held(page: Image.Image, orientation: int, form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(HELD[orientation](page.convert("RGB")), form, exif=exif)


ALIKE: dict[str, Kind] = {
    **{form: partial(saved, form=form) for form in ("PNG", "JPEG", "BMP", "WEBP", "GIF")},
    **{f"first frame of {form}": partial(animated, form=form) for form in ("GIF", "WEBP", "PNG")},
    **{f"EXIF {number}": partial(held, orientation=number) for number in HELD},
    **{f"EXIF 6 in {form}": partial(held, orientation=6, form=form) for form in ("PNG", "WEBP")},
    "RGB": partial(mode, to="RGB"),
    "palette": partial(coloured, pen="#1030a0", paper="#fff0a0", to="P"),
    "CMYK": partial(mode, to="CMYK", form="JPEG"),
    "coloured CMYK": partial(coloured, pen="#d02020", paper="#fff", to="CMYK", form="JPEG"),
    "red pen": partial(coloured, pen="#d02020", paper="#fffff0", form="JPEG"),
    "yellow chalk": partial(coloured, pen="#ffe030", paper="#103028", form="JPEG"),
    "opaque RGBA": partial(mode, to="RGBA"),
    "opaque LA": partial(mode, to="LA"),
    "16 bit": sixteen_bits,
    "1 bit": one_bit,
    "1 bit BMP": partial(one_bit, form="BMP"),
}
INK: dict[str, Kind] = {
    "RGBA, black ink": partial(alpha, pen=(0, 0, 0)),
    "RGBA, white ink": partial(alpha, pen=(255, 255, 255)),
    "RGBA in WebP": partial(alpha, pen=(20, 20, 90), form="WEBP"),
    "LA": partial(alpha, pen=(0,)),
    "palette with transparency": partial(clear_palette, pen=0, form="PNG"),
    "light ink of a palette": partial(clear_palette, pen=240, form="PNG"),
    "GIF with transparency": partial(clear_palette, pen=0, form="GIF"),
    "transparent paper": clear_paper,
}


def texts_of(contents: list[bytes]) -> list[str]:
    names = []
    for number, content in enumerate(contents):
        names.append(f"{number}.png")  # the content decides the format, not the name
        with open(names[-1], "wb") as file:
            file.write(content)
    return [entry["text"] for entry in run(["classify", *names, "--format", "json"])]


@pytest.mark.parametrize("dark", [True, False], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("kind", ALIKE)
def test_ten_digits_are_read_from_every_kind_of_file(kind, dark, pages) -> None:
    sheets = [pages[label] if dark else ImageOps.invert(pages[label]) for label in range(10)]
    assert texts_of([ALIKE[kind](sheet) for sheet in sheets]) == list("0123456789")


@pytest.mark.parametrize("kind", INK)
def test_ink_of_any_colour_on_a_transparent_page_is_read(kind, pages) -> None:
    assert texts_of([INK[kind](pages[label]) for label in range(10)]) == list("0123456789")


def shaded(page: Image.Image) -> Image.Image:
    """Light from a side, paper that is not flat."""
    down, across = np.mgrid[0:1:400j, 0:1:400j]
    light = 120 + 100 * across + 25 * np.sin(6 * down)
    return Image.fromarray((light * (0.25 + 0.75 * np.asarray(page) / 255)).astype(np.uint8))


def corner(page: Image.Image, side: int, left: bool) -> Image.Image:
    """A digit of 98 pixels in the corner of a larger sheet."""
    sheet = Image.new("L", (side, side), 255)
    small = page.resize((140, 140))
    sheet.paste(small, (0, 0) if left else (side - 140, side - 140))
    return sheet


def strip(page: Image.Image, width: int, height: int) -> Image.Image:
    """A digit on a long sheet."""
    sheet = Image.new("L", (width, height), 255)
    sheet.paste(page, ((width - 400) // 3, (height - 400) // 3))
    return sheet


HARDER: dict[str, Callable[[Image.Image], Image.Image]] = {
    "20 pixels": lambda page: page.crop((60, 60, 340, 340)).resize((20, 20)),
    "28 pixels": lambda page: page.crop((60, 60, 340, 340)).resize((28, 28)),
    "4000 pixels": lambda page: page.resize((4000, 4000)),
    "a corner": partial(corner, side=1500, left=True),
    "a corner of a photo": partial(corner, side=4000, left=False),
    "a wide strip": partial(strip, width=2000, height=400),
    "a tall strip": partial(strip, width=400, height=1600),
    "thin": lambda page: page.filter(ImageFilter.MaxFilter(9)),
    "bold": lambda page: page.filter(ImageFilter.MinFilter(9)),
    "faint": lambda page: page.point(lambda value: 210 + value * 35 // 255),
    "shaded paper": shaded,
}


@pytest.mark.parametrize("dark", [True, False], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("kind", HARDER)
def test_nine_of_ten_digits_are_read_on_difficult_pages(kind, dark, pages) -> None:
    sheets = [HARDER[kind](pages[label]) for label in range(10)]
    texts = texts_of([saved(sheet if dark else ImageOps.invert(sheet)) for sheet in sheets])
    assert sum(text == str(label) for label, text in enumerate(texts)) >= 9, texts


def test_an_image_at_the_limit_of_pixels_is_read(pages) -> None:
    """100 million; test_classify has a larger one, which is refused."""
    sheet = Image.new("L", (10_000, 10_000), 255)
    sheet.paste(pages[7].resize((6000, 6000)), (2000, 2000))
    assert texts_of([saved(sheet, compress_level=1)]) == ["7"]
