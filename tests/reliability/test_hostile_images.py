"""Files that are no images, or too large: one line from each source of images."""

import io
import struct
import sys
import zlib
from pathlib import Path

import pytest
import torch
from entry_points import all_pairs, error_line
from ledger import Ledger
from PIL import Image
from tampering import zip_bomb

from deepdigits import load
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.demo.predictions import predict_image

PROOF = "hostile or broken image at an entry point: one line"


def png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    """A grey PNG whose header states a size, with any compressed data."""
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND")


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def whole(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(buffer, form)
    return buffer.getvalue()


ZEROS = zlib.compress(bytes(100_000_000))  # 100 kB
IMAGES = {
    "empty": b"",
    "random bytes": bytes(torch.randint(256, (5000,), dtype=torch.uint8).tolist()),
    "text": b"no image at all\n",
    "page": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "program for a printer": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(canary) run\n",
    "pickle": b"cos\nsystem\n(S'touch canary'\ntR.",
    "zip bomb": zip_bomb(),
    "truncated png": whole("PNG")[:5000],
    "truncated jpeg": whole("JPEG")[:3000],
    "truncated gif": whole("GIF")[:2000],
    "png of a flipped bit": whole("PNG").replace(b"IDAT", b"IDAU"),
    "png without an end": png(200, 200, b""),
    "decompression bomb": png(50_000, 50_000, ZEROS),
    "the largest that there is": png(2**31 - 1, 2**31 - 1, ZEROS),
    "no pixels": png(0, 0, zlib.compress(b"")),
    "bomb in its text": png(200, 200, b"", chunk(b"zTXt", b"a\0\0" + ZEROS)),
    "tiff": whole("TIFF"),
}


def in_a_folder(content: bytes) -> str:
    Path("scans", "deep").mkdir(parents=True)
    Path("scans", "deep", "a.png").write_bytes(content)
    return error_line(["classify", "scans"])


def as_a_file(content: bytes) -> str:
    Path("a.png").write_bytes(content)
    return error_line(["classify", "a.png", "--format", "json"])


def as_input(content: bytes) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return error_line(["classify", "-"])


def on_the_page(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        predict_image(content, -1, [load("mlp")])
    return str(caught.value)


SOURCES = {
    "a file": as_a_file,
    "in a folder": in_a_folder,
    "standard input": as_input,
    "the page": on_the_page,
}


@all_pairs(IMAGES, SOURCES)
def test_invalid_image_is_one_line(kind: str, entry: str, ledger: Ledger) -> None:
    with ledger(PROOF):
        assert SOURCES[entry](IMAGES[kind]).isprintable()
        assert not Path("canary").exists()


NAMES = {
    "a name for a terminal": "\x1b[31m\n.png",
    "a name that is too long": "a" * 300,
    "a device without an end": "/dev/zero",
    "a folder without images": ".",
    "nowhere": "nowhere.png",
}


@pytest.mark.parametrize("kind", NAMES)
def test_name_without_an_image_is_one_line(kind: str, ledger: Ledger) -> None:
    with ledger(PROOF):
        if kind == "a name for a terminal":
            Path(NAMES[kind]).write_text("no image")
        error_line(["classify", NAMES[kind]])


def test_the_valid_images_are_classified(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place, content in enumerate(IMAGES.values()):
        Path(f"{place}.png").write_bytes(content)
    with pytest.raises(InputError, match=f"{len(IMAGES)} of {len(IMAGES) + 1} images"):
        run(["classify", *(f"{place}.png" for place in range(len(IMAGES))), str(photo)])
    printed = capsys.readouterr()
    assert "one.png" in printed.out
    lines = printed.err.splitlines()
    assert sum(line.startswith("deepdigits: error: ") for line in lines) == len(IMAGES)
