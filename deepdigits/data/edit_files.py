"""Read label edits from CSV files, and write them into a run folder."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deepdigits.core.csv_files import numbered_rows
from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import write_text
from deepdigits.core.text import printable, spreadsheet_text
from deepdigits.data.edit_names import KINDS, copy_name
from deepdigits.data.label_edits import DIGITS, Edit, LabelEdits, plain_name

_MAX_BYTES = 100_000_000  # a row of `audit` takes less than 100 bytes
_WAY_OUT = "pass a CSV file such as `deepdigits audit` writes"


def read_edits(exclude: str | None, relabel: str | None) -> LabelEdits:
    """Read the label edits of a training.

    Args:
        exclude: A CSV file with a column ``index``: these images are left out.
        relabel: A CSV file with a column ``index``, and the name of the new class in the column
            ``suggested`` or, without that one, ``label``.

    Raises:
        InputError: A file is missing or damaged, or names an image twice.
    """
    known: dict[int, Edit] = {}
    for kind, file in zip(KINDS, (exclude, relabel), strict=True):
        for edit in () if file is None else _read(Path(file).expanduser(), kind):
            if (other := known.setdefault(edit.index, edit)) is not edit:
                raise InputError(
                    f"{edit.source}: index {edit.index} is in {other.source} already: leave one of "
                    "them out"
                )
    return LabelEdits(tuple(known[index] for index in sorted(known)))


def checked_edits(exclude: str | None, relabel: str | None, sha256: str | None) -> LabelEdits:
    """Read the label edits of a training, as `read_edits`, and verify them.

    Args:
        exclude: As for `read_edits`.
        relabel: As for `read_edits`.
        sha256: Their SHA-256; None: it is not checked.

    Raises:
        InputError: As for `read_edits`, or they have another SHA-256.
    """
    edits = read_edits(exclude, relabel)
    if sha256 not in (None, edits.sha256):
        files = " and ".join(file for file in (exclude, relabel) if file) or "exclude and relabel"
        raise InputError(
            f"{files}: the label edits have changed, expected those with the SHA-256 "
            f"{str(sha256)[:8]}...: type --data.exclude FILE or --data.relabel FILE again"
        )
    return edits


def write_copies(folder: Path, edits: LabelEdits) -> None:
    """Write exclude.csv and relabel.csv into a run folder; remove those without rows.

    Args:
        folder: The run folder.
        edits: The label edits of the run.
    """
    for kind in KINDS:
        rows = [edit for edit in edits.edits if (edit.label is None) == (kind == "exclude")]
        path = folder / copy_name(kind)
        if rows:
            write_text(path, _to_text(rows))
        else:
            path.unlink(missing_ok=True)


def _to_text(edits: Sequence[Edit]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", "label", "sha256"])
    for edit in edits:
        label = "" if edit.label is None else spreadsheet_text(edit.label)
        writer.writerow([edit.index, label, edit.sha256 or ""])
    return text.getvalue()


def _read(file: Path, kind: str) -> Iterator[Edit]:
    """The edits of a file, row by row."""
    rows = _rows(file)
    number, names = next(rows, (1, []))
    places = {name.strip().lower(): place for place, name in reversed([*enumerate(names)])}
    label = next((name for name in ("suggested", "label") if name in places), None)
    if "index" not in places or (kind == "relabel" and label is None):
        more = " and a column suggested or label" if kind == "relabel" else ""
        raise InputError(f"{file}, line {number}: expected a column index{more}: {_WAY_OUT}")
    for number, row in rows:
        source = f"{file}, line {number}"
        if len(row) != len(names):
            raise InputError(f"{source}: {len(row)} values, expected {len(names)}: correct the row")
        values = {name: row[place].strip() for name, place in places.items()}
        yield _edit(values, None if kind == "exclude" else label, source)


def _edit(values: Mapping[str, str], label: str | None, source: str) -> Edit:
    """The edit of a row: column -> value."""
    if not re.fullmatch(r"[0-9]{1,9}", values["index"]):
        raise InputError(
            f"{source}: index {values['index'][:40]!r}, expected a whole number of 0 or more"
        )
    sha256 = values.get("sha256") or None
    if sha256 is not None and not re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", sha256):
        raise InputError(f"{source}: sha256 {sha256[:40]!r}, expected {DIGITS} hexadecimal digits")
    if label is not None and not values[label]:
        raise InputError(f"{source}: the column {label} is empty, expected the name of a class")
    name = None if label is None else plain_name(printable(values[label]))
    return Edit(int(values["index"]), name, sha256, source)


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row that is not empty."""
    if not file.is_file():
        raise InputError(f"{file} does not exist, or is no file: {_WAY_OUT}")
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file} has more than {_MAX_BYTES:,} bytes: {_WAY_OUT}")
        yield from numbered_rows(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read ({one_line(error, 80)}): {_WAY_OUT}") from error
