"""Make the README's pictures: `make screenshots` (ARGS: the runs).

Without ARGS it shows the latest run in lightning_logs/. The run needs a report, as `make train-mlp`
writes one. Helpers shared with the browser tests are imported from tests/browser (PYTHONPATH).
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
from deepdigits.data import sources
from deepdigits.runs.resolve import LOGS, resolve_run
from deepdigits.runs.run import Run

DOCS = Path(__file__).parent
COLUMN, GAP = 700, 20  # pixels
MAX_BYTES = 400_000


def picture_dashboard(runs: list[Run], target: Path) -> None:
    """Save the custom scalars of the runs, as TensorBoard shows them."""
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder, LOGS)
        for run in runs:  # only these runs
            copy = logs.joinpath(*run.folder.resolve().parts[-2:])
            shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("checkpoints"))
        with started_tensorboard(logs) as address, started_browser() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 1125})
            open_tab(page, address, "custom_scalars&_smoothingWeight=0")
            count = f"Matches ({10 * len(runs)})"
            wait_for_texts(page, "loss", "accuracy", "learning rate", "f1", "precision", count)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(2000)  # until the curves are drawn
            page.screenshot(path=target)


def picture_run(run: Run, target: Path) -> None:
    """Save the figures of a run: curves and confusion matrix on the left, mistakes on the right."""
    curves, confusion, mistakes = (
        load_figure(run.folder / f"{name}.png") for name in ("curves", "confusion", "mistakes")
    )
    below = 2 * GAP + curves.height
    height = GAP + max(below + confusion.height, GAP + mistakes.height)
    whole = Image.new("RGB", (3 * GAP + 2 * COLUMN, height), "white")
    whole.paste(curves, (GAP, GAP))
    whole.paste(confusion, (GAP, below))
    whole.paste(mistakes, (2 * GAP + COLUMN, GAP))
    whole.save(target, optimize=True)


def picture_demo(target: Path) -> None:
    """Save the demo page with a number drawn on it and the predictions of the bundled nets."""
    with started_demo() as address, started_browser() as browser:
        page = browser.new_page(viewport={"width": 1120, "height": 860})
        page.goto(address)
        page.locator(".mistake").first.wait_for(timeout=120_000)
        for place, digit in enumerate((3, 8, 5)):
            draw(page, digit, left=0.32 * place, width=0.36)
        page.locator(".prediction", has_text="385").nth(1).wait_for(timeout=120_000)
        page.wait_for_timeout(1000)  # until the bars are drawn
        page.screenshot(path=target)


def picture_classify(target: Path) -> None:
    """Save what `classify --show` draws for a photo of test digits on ruled paper."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        photo((1, 9, 0, 5, 2, 7)).save("photo.jpg", quality=85)
        run(["classify", "photo.jpg", "--show", "read.png"])
        Image.open("read.png").convert("RGB").quantize(256).save(target.resolve(), optimize=True)


def photo(labels: Sequence[int]) -> Image.Image:
    """A photo of a number: random test digits in blue ink on ruled, shaded paper."""
    data = sources.default_data_dir()
    sources.prepare("mnist", data)
    images, all_labels = sources.load("mnist", data, train=False)
    rng = np.random.default_rng(0)
    width, height = 130 * len(labels) + 100, 300
    ink = Image.new("L", (width, height), 0)
    for place, label in enumerate(labels):
        chosen = int(rng.choice(np.flatnonzero(all_labels == label)))
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


def load_figure(path: Path) -> Image.Image:
    """Read a figure of a run and resize it to the width of a column."""
    if not path.is_file():
        raise InputError(f"{path} does not exist: train and test the run first")
    picture = Image.open(path).convert("RGB")
    return picture.resize((COLUMN, round(picture.height * COLUMN / picture.width)))


def main(names: list[str]) -> None:
    """Save all pictures in docs/."""
    if chromium() is None:
        raise InputError("chromium is not installed: apt-get install chromium")
    runs = [resolve_run(name) for name in names or ["latest"]]
    pictures = [DOCS / f"{name}.png" for name in ("run", "dashboard", "demo", "classify")]
    picture_run(runs[0], pictures[0])
    picture_dashboard(runs, pictures[1])
    picture_demo(pictures[2])
    picture_classify(pictures[3])
    for picture in pictures:
        size = picture.stat().st_size
        print(f"{picture.relative_to(DOCS.parent)}  {size / 1000:.0f} kB")
        if size > MAX_BYTES:
            raise InputError(f"{picture} has {size} bytes, expected at most {MAX_BYTES}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"screenshots: {error}")
