"""Make the README's pictures: `make screenshots` (ARGS: the runs).

Trains nothing: without ARGS it takes the latest run in lightning_logs/. The runs need a report, so
make one with `make train-mlp` first.
"""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from browsing import (
    chromium,
    open_tab,
    started_browser,
    started_demo,
    started_tensorboard,
    wait_for_texts,
)
from handwriting import draw
from PIL import Image

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.data import sources as datasets
from deepdigits.runs.run import LOGS, Run, find

DOCS = Path(__file__).parents[2] / "docs"
COLUMN, GAP = 700, 20  # pixels
MOST_BYTES = 400_000


def picture_dashboard(runs: list[Run], target: Path) -> None:
    """The custom scalars of the runs, as TensorBoard shows them."""
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder, LOGS)
        for run in runs:  # only these, whatever else there is
            copy = logs.joinpath(*run.folder.resolve().parts[-2:])
            shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("checkpoints"))
        with started_tensorboard(logs) as address, started_browser() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 1125})
            open_tab(page, address, "custom_scalars&_smoothingWeight=0")
            count = f"Matches ({10 * len(runs)})"
            wait_for_texts(page, "loss", "accuracy", "learning rate", "f1", "precision", count)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(2000)  # the curves come in slowly
            page.screenshot(path=target)


def picture_run(run: Run, target: Path) -> None:
    """Its curves above its confusion matrix, and its mistakes beside them."""
    curves, confusion, mistakes = (
        fitted(run.folder / f"{name}.png") for name in ("curves", "confusion", "mistakes")
    )
    below = 2 * GAP + curves.height
    height = GAP + max(below + confusion.height, GAP + mistakes.height)
    whole = Image.new("RGB", (3 * GAP + 2 * COLUMN, height), "white")
    whole.paste(curves, (GAP, GAP))
    whole.paste(confusion, (GAP, below))
    whole.paste(mistakes, (2 * GAP + COLUMN, GAP))
    whole.save(target, optimize=True)


def picture_demo(target: Path) -> None:
    """The page to draw on with a number on it, read by the nets that come along."""
    with started_demo() as address, started_browser() as browser:
        page = browser.new_page(viewport={"width": 1120, "height": 860})
        page.goto(address)
        page.locator(".mistake").first.wait_for(timeout=120_000)
        for place, digit in enumerate((3, 8, 5)):
            draw(page, digit, left=0.32 * place, width=0.36)
        page.locator(".prediction", has_text="385").nth(1).wait_for(timeout=120_000)
        page.wait_for_timeout(1000)  # the bars come in slowly
        page.screenshot(path=target)


def picture_classify(target: Path) -> None:
    """What `classify --show` makes of a photo: test digits, in blue ink on ruled, shaded paper."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        photo((1, 9, 0, 5, 2, 7)).save("photo.jpg", quality=85)
        run(["classify", "photo.jpg", "--show", "read.png"])
        Image.open("read.png").convert("RGB").quantize(256).save(target.resolve(), optimize=True)


def photo(labels: Sequence[int]) -> Image.Image:
    """A photo of a number, put together from test digits, each by another hand."""
    data = datasets.default_data_dir()
    datasets.prepare("mnist", data)
    images, of = datasets.load("mnist", data, train=False)
    rng = np.random.default_rng(0)
    width, height = 130 * len(labels) + 100, 300
    ink = Image.new("L", (width, height), 0)
    for place, label in enumerate(labels):
        chosen = int(rng.choice(np.flatnonzero(of == label)))
        side = int(rng.integers(140, 170))
        digit = Image.fromarray(images[chosen].numpy()).resize(
            (side, side), Image.Resampling.BICUBIC
        )
        corner = (40 + 130 * place + int(rng.integers(0, 20)), int(rng.integers(60, 90)))
        ink.paste(digit, corner, digit)
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    paper = np.full((height, width, 3), (246, 240, 222), float)
    paper[40::60] = paper[41::60] = (176, 196, 214)
    strength = np.asarray(ink)[..., None] / 255
    sheet = paper * (1 - strength) + np.array((28, 44, 110)) * strength
    light = (0.62 + 0.38 * across - 0.12 * down)[..., None]
    noisy = sheet * light + rng.normal(0, 2, sheet.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def fitted(path: Path) -> Image.Image:
    """A picture of the run, as wide as a column."""
    if not path.is_file():
        raise InputError(f"{path} is missing: the run was not trained and tested to its end")
    picture = Image.open(path).convert("RGB")
    return picture.resize((COLUMN, round(picture.height * COLUMN / picture.width)))


def main(names: list[str]) -> None:
    """Make the pictures."""
    if chromium() is None:
        raise InputError("no chromium here: apt-get install chromium")
    runs = [find(name) for name in names or ["latest"]]
    DOCS.mkdir(exist_ok=True)
    pictures = [DOCS / f"{name}.png" for name in ("run", "dashboard", "demo", "classify")]
    picture_run(runs[0], pictures[0])
    picture_dashboard(runs, pictures[1])
    picture_demo(pictures[2])
    picture_classify(pictures[3])
    for picture in pictures:
        size = picture.stat().st_size
        print(f"{picture.relative_to(DOCS.parent)}  {size / 1000:.0f} kB")
        if size > MOST_BYTES:
            raise InputError(f"{picture} is larger than {MOST_BYTES} bytes")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"screenshots: {error}")
