"""Read CSV files row by row, with their line numbers."""

import csv
from collections.abc import Iterator
from pathlib import Path


def numbered_rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row that is not empty; a byte order mark is left out.

    Raises:
        OSError: The file cannot be read.
        UnicodeDecodeError: It is no text in UTF-8.
        csv.Error: It is no CSV text.
    """
    with file.open(newline="", encoding="utf-8-sig") as opened:
        reader = csv.reader(opened)
        for row in reader:
            if row:
                yield reader.line_num, row
