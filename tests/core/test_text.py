"""Text of strangers is shown as it is in Markdown, figures and spreadsheets, and never acts."""

import csv
import html
import io
import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.text import Text

from deepdigits.core import tables
from deepdigits.core.console import say
from deepdigits.core.text import figure_text, markdown_text, printable, spreadsheet_text
from deepdigits.plots.style import new_figure, pixels

HOSTILE = [
    "\x1b[31mred\x1b]8;;http://x\x07",
    "line\nbreak\r\ttab\x85\u2028\u2029",
    "\u202egnp.exe\u2066\u200b\u200d\ufeff\xad",
    "<script>alert(1)</script>",
    "a | b",
    "[x](javascript:alert(1)) ![y](http://x/y.png)",
    "`code` ``` ~~gone~~ **bold** __bold__ _it_",
    "$\\frac{1}{$ and $x$",
    "&lt;b&gt; \\| \\<b>",
    "# head --- *",
    "http://evil.example www.evil.example",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_gets_is_printable(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text, error=True)
    tables.show(["class", text], [[text, ":smile: [red]x"]], title=text)
    printed = capsys.readouterr()
    assert printed.err.rstrip("\n").isprintable()
    assert all(line.isprintable() for line in printed.out.split("\n"))
    assert ":smile: [red]x" in printed.out


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    page = MarkdownIt("commonmark").enable("strikethrough").render(f"- data: {markdown_text(text)}")
    assert set(re.findall(r"</?(\w+)", page)) == {"ul", "li"}
    shown = html.unescape(re.sub("<[^>]*>", "", page)).strip()
    assert shown == f"data: {printable(text)}"


def test_cell_of_a_table_stays_one_cell() -> None:
    lines = tables.markdown(["class", "n"], [["a|b\n| c | d |", "1"]]).splitlines()
    assert len(lines) == 3 and lines[2].replace("\\|", "").count("|") == 3


@given(st.text(max_size=20))
def test_a_figure_draws_any_text_as_it_is(text: str) -> None:
    drawn = Text(0, 0, figure_text(text))
    shown, is_formula = drawn._preprocess_math(drawn.get_text())
    assert (shown, is_formula) == (printable(text), False)


def test_formula_in_a_name_does_not_stop_a_figure() -> None:
    figure = new_figure(2, 2)
    figure.suptitle(figure_text("$\\frac{1}{$ \x1b"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that the font lacks
        assert pixels(figure).shape[2] == 3


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "@SUM(1)", "+cmd|' /C calc'!A0", "-2+cmd()"])
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(tables.comma_separated([{"name": text, "n": -1.5}])))
    assert row == {"name": f"'{text}", "n": "-1.5"}


@pytest.mark.parametrize("text", ["-", "-1.5", "+3", "a=b", "photos/1.png"])
def test_numbers_and_paths_stay_as_they_are(text: str) -> None:
    assert spreadsheet_text(text) == text
