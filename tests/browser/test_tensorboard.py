"""What a person sees in TensorBoard after an MLP and a CNN were trained on MNIST."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from browsing import ask, open_tab, started_tensorboard, texts, wait_for_texts
from PIL import Image

from deepdigits.__main__ import run
from deepdigits.plots.style import CLASS_COLORS
from deepdigits.training.callbacks.hyperparameters import FINAL_METRICS, FIRST_COLUMNS

pytestmark = pytest.mark.browser

CONFIGS = Path(__file__).parents[2] / "configs"
EPOCHS = {"mlp": 12, "cnn": 1}  # TensorBoard by itself keeps ten images of a tag
RUNS = [f"{name}/version_0" for name in EPOCHS]
KINDS = ("confusion", "mistakes", "reliability")


@pytest.fixture(scope="module")
def reports(browser, tmp_path_factory, data_folder):
    """The report of each run, and the folder of the runs."""
    folder = tmp_path_factory.mktemp("browser")
    debug = ["-c", str(CONFIGS / "trainer" / "debug.yaml"), "--dashboard.every_n_epochs", "1"]
    reports = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        for name, epochs in EPOCHS.items():
            config = ["-c", str(CONFIGS / f"{name}.yaml"), *debug]
            cli = run(["train", *config, "--trainer.max_epochs", str(epochs)])
            reports[f"{name}/version_0"] = cli.report_writer.report
    return reports, folder / "lightning_logs"


@pytest.fixture(scope="module")
def address(reports):
    with started_tensorboard(reports[1]) as address:
        yield address


@pytest.fixture
def tab(page, address):
    return lambda name: open_tab(page, address, name)


def show_tags(page, pattern):
    """Open the cards of these tags; the tab has closed most of its sections."""
    page.locator("tf-tag-filterer input").fill(pattern)


def found(page):
    """The section of the cards that the filter lets through; it stands before all others."""
    return page.locator("tf-category-paginated-view").first


def test_time_series(page, tab, screenshot, reports):
    tab("timeseries")
    page.locator("tb-filter-input[placeholder^='Filter tags'] input").fill(
        "^(train|val)/(loss|accuracy)$|test/accu"
    )
    page.keyboard.press("Escape")  # closes the suggestions
    shown = wait_for_texts(page, "Tags matching filter", *RUNS)
    page.locator("scalar-card canvas").nth(4).wait_for()
    card = page.locator("scalar-card", has_text="test/accuracy")
    card.scroll_into_view_if_needed()
    for name, report in reports[0].items():
        row = card.locator("tb-data-table-content-row", has_text=name)
        row.wait_for()
        values = [float(value) for value in re.findall(r"\b0\.\d+", row.inner_text())]
        assert pytest.approx(report.accuracy, abs=1e-4) in values
    screenshot()
    assert not [text for text in shown if "hp_metric" in text]


def test_scalars(page, tab, screenshot):
    tab("scalars")
    tags = ["train/loss", "val/loss", "train/accuracy", "val/accuracy", "test/accuracy"]
    show_tags(page, f"^({'|'.join(tags)})$")
    wait_for_texts(page, *tags, *RUNS)
    screenshot()


def curves(page, titles):
    """Number of curves on each chart of the custom scalars."""
    counts, title = {}, ""
    for text in texts(page):
        title = text if text in titles else title
        if matches := re.fullmatch(r"Matches \((\d+)\)", text):
            counts[title] = int(matches[1])
    return counts


def test_custom_scalars(page, tab, screenshot):
    page.set_viewport_size({"width": 1400, "height": 1300})
    tab("custom_scalars")
    expected = dict.fromkeys(("loss", "accuracy"), 2 * len(RUNS))
    expected |= dict.fromkeys(("learning rate", "images per second"), len(RUNS))
    expected |= dict.fromkeys(("f1", "precision", "recall"), 10 * len(RUNS))
    wait_for_texts(page, "training", "validation, each class", *expected)
    for _ in range(100):
        if (drawn := curves(page, expected)) == expected:
            break
        page.wait_for_timeout(100)
    screenshot()
    assert drawn == expected


@pytest.mark.parametrize(
    "tags",
    [
        ["filters", "train/digits", *(f"val/{kind}" for kind in KINDS)],
        [f"test/{kind}" for kind in KINDS],
    ],
    ids=["train_val", "test"],
)
def test_images(page, tab, screenshot, tags):
    page.set_viewport_size({"width": 1400, "height": 2600})
    tab("images")
    show_tags(page, f"^({'|'.join(tags)})$")
    wait_for_texts(page, *tags, *RUNS)
    pictures = found(page).locator("tf-image-loader img")
    pictures.nth(len(RUNS) * len(tags) - 1).wait_for()
    page.wait_for_load_state("networkidle")
    # A card is 350 wide and takes every so many pixels: lettering survives that at twice the size.
    widths = pictures.evaluate_all("all => all.map(one => one.naturalWidth)")
    assert widths == [700] * len(RUNS) * len(tags)
    screenshot()


def test_all_images_of_a_tag_are_kept(address):
    kept = ask(address, "plugin/images/images?tag=val/confusion&run=mlp/version_0&sample=0")
    assert [image["step"] for image in kept] == [10 * epoch for epoch in range(1, 13)]


def test_pr_curves(page, tab, screenshot):
    tab("pr_curves")
    show_tags(page, "^test/")
    wait_for_texts(page, *(f"test/{label}" for label in range(10)))
    for name in RUNS:
        legends = found(page).get_by_text(f"{name} is at")
        legends.nth(9).wait_for()
        assert legends.count() == 10
    screenshot()


def test_hparams(page, tab, screenshot, reports):
    page.set_viewport_size({"width": 2300, "height": 1000})
    tab("hparams")
    shown = wait_for_texts(page, "LitMLP", "LitCNN", "hidden_sizes", "kernel_sizes", *RUNS)
    assert "hp_metric" not in shown
    cells = [cell.strip() for cell in page.locator("vaadin-grid-cell-content").all_inner_texts()]
    filled = [cell for cell in cells if cell and cell != "Show Metrics"]
    header = ["Trial ID", *FIRST_COLUMNS, *FINAL_METRICS]
    assert filled[: len(header)] == header
    for name, report in reports[0].items():
        start = filled.index(name)
        row = dict(zip(header, filled[start : start + len(header)], strict=True))
        assert row["model"] == f"Lit{name[:3].upper()}"
        assert float(row["test/accuracy"]) == pytest.approx(report.accuracy, abs=1e-4)
        assert float(row["test/f1_macro"]) == pytest.approx(report.f1_macro, abs=1e-4)
    screenshot()


def test_projector(page, tab, screenshot):
    tab("projector")
    inside = page.frame_locator("iframe").frame_locator("iframe")
    inside.locator(".numDataPoints", has_text="2000").wait_for()
    canvas = inside.locator("canvas").first
    for _ in range(50):  # until the digits have come and the camera stands still
        pixels = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"))
        counts = [(pixels == rgb(colour)).all(axis=-1).sum() for colour in CLASS_COLORS]
        if min(counts) > 20:
            break
        page.wait_for_timeout(200)
    screenshot()
    assert min(counts) > 20, f"pixels in the colour of each class: {counts}"


def rgb(colour):
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def test_text(page, tab, screenshot, reports):
    page.set_viewport_size({"width": 1400, "height": 1800})
    tab("text")
    show_tags(page, ".")
    found(page).locator("pre", has_text="LitCNN").first.wait_for()
    for report in reports[0].values():
        wait_for_texts(page, "F1", *(f"{scores.f1:.4f}" for scores in report.classes))
    screenshot()
