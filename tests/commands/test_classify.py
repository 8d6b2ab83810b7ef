"""``deepdigits classify``: good images are answered, bad ones named."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from deepdigits.__main__ import run
from deepdigits.errors import InputError


def test_good_images_are_answered_and_bad_ones_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(one).line((150, 40, 150, 160), fill="black", width=14)
    one.save(tmp_path / "one.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    names = [str(tmp_path / name) for name in ("one.png", "empty.png", "text.png", "gone.png")]
    with pytest.raises(InputError, match="3 of 4 images could not be read"):
        run(["classify", *names, "--format", "json"])
    shown = capsys.readouterr()
    (answer,) = json.loads(shown.out)
    assert (answer["path"], answer["digit"], answer["text"]) == (names[0], 1, "1")
    assert all(f"error: {name} " in shown.err for name in names[1:])
