"""The page to draw on, as a person uses it: predictions, saliency maps, gallery, layout."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import started_demo
from handwriting import draw
from PIL import Image

from deepdigits.runs.resolve import resolve_run

pytestmark = pytest.mark.browser
pytest.importorskip("uvicorn", reason="pip install 'deepdigits[demo]'")


@pytest.fixture(scope="module")
def address(browser, data_folder) -> Iterator[str]:
    """The page with the bundled nets, as a user starts it."""
    with started_demo() as address:
        yield address


@pytest.fixture
def opened(page, address):
    """The page, ready: nothing was clicked yet."""
    page.goto(address)
    page.locator("body[data-ready]").wait_for()
    return page


def wait_for_predictions(page, text: str) -> None:
    """Wait until both nets predict this text."""
    page.wait_for_function(
        "text => [...document.querySelectorAll('.prediction')].filter(a => a.textContent === text)"
        ".length === 2",
        arg=text,
        timeout=15_000,
    )


def settled(page) -> list[str]:
    """The best class of each net, once the bars are those of the whole drawing."""
    page.wait_for_load_state("networkidle")
    return page.locator(".row.best span:first-child").all_inner_texts()


def test_every_digit_drawn_with_the_mouse_is_read_by_both_nets(opened, screenshot) -> None:
    for digit in range(10):
        draw(opened, digit)
        wait_for_predictions(opened, str(digit))
        assert settled(opened) == [str(digit)] * 2
        screenshot(f"-{digit}")
        opened.click("#clear")
        wait_for_predictions(opened, "")


def test_bars_are_live_while_the_mouse_is_down(opened) -> None:
    box = opened.locator("#pad").bounding_box()
    middle = box["x"] + box["width"] / 2
    opened.mouse.move(middle, box["y"] + 60)
    opened.mouse.down()
    opened.mouse.move(middle, box["y"] + 300, steps=10)
    wait_for_predictions(opened, "1")  # the button is still down
    opened.mouse.up()
    shares = opened.locator(".row.best span:last-child").all_inner_texts()
    assert all(float(share.removesuffix(" %")) > 50 for share in shares)


def test_several_digits_are_a_number_and_each_can_be_selected(opened, screenshot) -> None:
    for place, digit in enumerate((2, 0, 7)):
        draw(opened, digit, left=0.32 * place, width=0.36)
    wait_for_predictions(opened, "207")
    assert opened.locator(".crop").count() == 3
    opened.locator(".crop").first.click()
    opened.wait_for_function(
        "() => document.querySelector('.crop').ariaPressed === 'true'", timeout=15_000
    )
    assert settled(opened) == ["2", "2"]
    screenshot()


def test_undo_takes_back_a_stroke(opened) -> None:
    draw(opened, 1, left=0.0, width=0.5)
    wait_for_predictions(opened, "1")
    draw(opened, 7, left=0.5, width=0.5)
    wait_for_predictions(opened, "17")
    opened.click("#undo")
    wait_for_predictions(opened, "1")


def test_saliency_of_either_net_is_shown_over_the_drawing_and_can_be_hidden(opened) -> None:
    colour = """() => {
        const map = document.getElementById("overlay");
        const data = map.getContext("2d").getImageData(0, 0, map.width, map.height).data;
        return data.filter((value, i) => i % 4 === 3).reduce((a, b) => Math.max(a, b), 0);
    }"""
    picture = "() => document.getElementById('overlay').toDataURL()"
    draw(opened, 7)
    wait_for_predictions(opened, "7")
    settled(opened)
    assert opened.evaluate(colour) > 100
    by_cnn = opened.evaluate(picture)
    opened.locator("#saliency button", has_text="MLP").click()
    assert opened.evaluate(colour) > 100 and opened.evaluate(picture) != by_cnn
    opened.locator("#saliency button", has_text="MLP").click()
    assert opened.evaluate(colour) == 0


def test_photo_is_read_with_all_its_pixels(opened, tmp_path: Path, pages, screenshot) -> None:
    """Digits of 63 of 4,000 pixels, too small for the pad itself; and a drawing over them."""
    sheet = Image.new("L", (4000, 3000), 255)
    for place, label in enumerate((7, 4, 8, 2)):
        sheet.paste(pages[label].resize((90, 90)), (300 + 85 * place, 400))
    sheet.save(tmp_path / "row.jpg")
    opened.set_input_files("#file", tmp_path / "row.jpg")
    wait_for_predictions(opened, "7482")
    screenshot()
    draw(opened, 1, left=0.5, width=0.2)
    wait_for_predictions(opened, "1")  # it is by far larger
    opened.click("#undo")
    wait_for_predictions(opened, "7482")


def test_an_image_without_a_digit_is_reported(opened, tmp_path: Path) -> None:
    Image.new("RGB", (600, 400), "beige").save(tmp_path / "blank.png")
    opened.set_input_files("#file", tmp_path / "blank.png")
    opened.get_by_text("Nothing here looks like a digit.").wait_for()
    opened.keyboard.press("Escape")
    opened.wait_for_function("() => document.getElementById('message').textContent === ''")
    draw(opened, 1)
    wait_for_predictions(opened, "1")
    opened.keyboard.press("Control+z")
    wait_for_predictions(opened, "")


def test_file_that_is_no_image_is_named(opened, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("no image")
    opened.set_input_files("#file", tmp_path / "note.png")
    opened.get_by_text("note.png is not an image").wait_for()


def test_gallery_shows_digits_that_the_net_predicts_wrongly(opened, screenshot) -> None:
    opened.locator(".mistake").first.wait_for()
    first = opened.locator(".mistake").first
    true, predicted = first.locator(".true").inner_text(), first.locator(".false").inner_text()
    assert true != predicted
    first.click()
    opened.wait_for_function(
        "text => [...document.querySelectorAll('.prediction')].at(-1).textContent === text",
        arg=predicted,
        timeout=15_000,
    )
    screenshot()


def test_any_run_is_shown_beside_another_net(page, screenshot, tmp_path: Path) -> None:
    folder = shutil.copytree(resolve_run("mlp").folder, tmp_path / "runs" / "mlp")
    with started_demo(str(folder), "cnn") as address:
        page.goto(address)
        page.locator("body[data-ready]").wait_for()
        assert page.locator(".net h2 span").all_inner_texts() == ["runs/mlp", "CNN"]
        draw(page, 2)
        wait_for_predictions(page, "2")
        page.locator("#tabs button", has_text="runs/mlp").click()
        page.locator(".mistake").first.wait_for()
        screenshot()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1180])
def test_page_fits_its_window(opened, screenshot, width, scheme) -> None:
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size({"width": width, "height": 1000})
    draw(opened, 3)
    wait_for_predictions(opened, "3")
    screenshot()
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
