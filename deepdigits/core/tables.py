"""Tables of text: for the terminal, as Markdown, as CSV."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from deepdigits.core.text import markdown_text, printable, spreadsheet_text


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""A Markdown table: the first column aligned left, the others right.

    >>> print(markdown(["net", "errors"], [["mlp", "120"], ["a|b", "7"]]))
    | net | errors |
    |---|--:|
    | mlp | 120 |
    | a\|b | 7 |
    """
    lines = [[markdown_text(cell) for cell in row] for row in [head, *rows]]
    text = [f"| {' | '.join(line)} |" for line in lines]
    text.insert(1, f"|---{'|--:' * (len(head) - 1)}|")
    return "\n".join(text)


def comma_separated(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with the keys of the first row as header; None becomes an empty field.

    >>> print(comma_separated([{"net": "mlp, wide", "n": 2, "sd": None}]))
    net,n,sd
    "mlp, wide",2,
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().rstrip("\n")


def _cell(value: Any) -> Any:
    return spreadsheet_text(value) if isinstance(value, str) else value


def show(head: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print a table; without a terminal, as wide as its cells need."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=title and printable(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for number, name in enumerate(head):
        table.add_column(printable(name), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000
    console.print(table)
