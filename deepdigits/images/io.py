"""Read image files: upright, in grey, of limited size."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from deepdigits.core.errors import InputError, one_line

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif"})
MAX_PIXELS = 100_000_000  # the largest photo of a phone; a decompression bomb has more
MAX_BYTES = 100_000_000
WORK_SIDE = 1024  # longer sides are shrunk: a digit of 1/50 of the side still has 20 pixels
_OPAQUE = (255, 255)  # lowest and highest alpha of an image without transparent parts
_WIDE_MODES = ("I", "F")  # and I;16 in its byte orders: more than 8 bits a pixel


def open_image(
    source: Path | bytes,
    name: str = "",
    colour: bool = False,
    formats: Sequence[str] = FORMATS,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """The first frame of an image file, turned upright by its EXIF orientation.

    Args:
        source: A file, or its content.
        name: Name of the image in errors. Empty: the path.
        colour: Keep the colours of a JPEG, to show it. Reading digits does not need them, and they
            take time.
        formats: The formats to accept, a part of `FORMATS`.
        max_pixels: The largest size to accept; at most `MAX_PIXELS`.

    Raises:
        InputError: The file cannot be read, is not an image of these formats, is damaged, or is
            larger than ``max_pixels`` or `MAX_BYTES`. The size is checked before pixels are
            decoded.
    """
    name = name or (str(source) if isinstance(source, Path) else "the image")
    content = _content(source, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on size and damage, which are checked here
            image = Image.open(io.BytesIO(content), formats=tuple(formats))
            _check_size(image, name, max_pixels)
            if not colour:
                image.draft("L", image.size)  # of the formats, only JPEG can do this
            image.load()
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        raise _too_large(name, "its size", max_pixels) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not a readable image: {_expected(formats)}") from error
    except InputError:
        raise
    except Exception as error:  # a decoder may raise anything for a damaged file
        raise InputError(f"{name} is damaged ({one_line(error)})") from error


def to_grey(image: Image.Image) -> tuple[NDArray[np.float32], float]:
    """Luminance in [0, 255] as (H, W), sides up to `WORK_SIDE`, and the factor of shrinking.

    Transparent parts get the colour of the page: the median of the visible pixels, or the opposite
    colour if these are ink alone (all of one colour, or less than half of the image).

    Raises:
        InputError: The image has more than `MAX_PIXELS` pixels.

    >>> to_grey(Image.new("I;16", (5, 4), 257 * 9))[0].max()
    np.float32(9.0)
    >>> grey, factor = to_grey(Image.new("RGB", (3000, 600), "white"))
    >>> grey.shape, factor, grey.min()
    ((200, 1000), 3.0, np.float32(255.0))
    """
    _check_size(image, "the image")
    if image.mode.startswith("I;16") or image.mode in _WIDE_MODES:
        wide = np.asarray(image, dtype=np.float32)
        scale = {"I": 257.0, "F": 1.0}.get(image.mode, 257.0)
        image = Image.fromarray(np.clip(wide / scale, 0, 255).astype(np.float32))
        return _shrunk(image)
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        if layers.getchannel("A").getextrema() != _OPAQUE:
            return _shrunk(_on_page(layers))
    return _shrunk(image if image.mode == "L" else image.convert("RGB").convert("L"))


def _content(source: Path | bytes, name: str) -> bytes:
    """The bytes of a source, checked for their number."""
    if isinstance(source, Path):
        try:
            source.stat()  # raises if the file is missing
            if not source.is_file():  # reading a named pipe may never end
                raise InputError(
                    f"{name} is not a regular file: pass its content to standard input (-)"
                )
            with source.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}") from error
    else:
        content = source
    if len(content) > MAX_BYTES:
        raise _too_large(name, f"more than {MAX_BYTES / 1e6:.0f} MB")
    if not content:
        raise InputError(f"{name} is empty: {_expected(FORMATS)}")
    return content


def _check_size(image: Image.Image, name: str, max_pixels: int = MAX_PIXELS) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(name, f"{image.width} x {image.height} pixels", max_pixels)


def _too_large(name: str, what: str, max_pixels: int = MAX_PIXELS) -> InputError:
    return InputError(
        f"{name} is too large ({what}): expected up to {max_pixels / 1e6:.0f} million pixels and "
        f"{MAX_BYTES / 1e6:.0f} MB; make it smaller first"
    )


def _on_page(image: Image.Image) -> Image.Image:
    """An image with transparency (RGBA) in grey, on a page that contrasts with its strokes."""
    alpha = np.asarray(image.getchannel("A"))
    grey = image.convert("RGB").convert("L")
    visible = np.asarray(grey)[alpha > 127]
    if not len(visible):
        return Image.new("L", image.size, 255)
    low, middle, high = np.percentile(visible, (2, 50, 98))
    is_ink = high - low < 64 or 2 * len(visible) < alpha.size
    page = (255 if middle < 128 else 0) if is_ink else int(middle)
    return Image.composite(grey, Image.new("L", image.size, page), image.getchannel("A"))


def _shrunk(image: Image.Image) -> tuple[NDArray[np.float32], float]:
    """Shrink by an integer factor: each pixel is the mean of a square of pixels."""
    factor = -(-max(image.size) // WORK_SIDE)
    small = image.reduce(factor) if factor > 1 else image
    return np.asarray(small, dtype=np.float32), float(factor)


def _expected(formats: Sequence[str]) -> str:
    *most, last = formats
    return f"expected {', '.join(most)} or {last}" if most else f"expected {last}"
