"""``deepdigits compare``: a row for each config, and whether a difference between two is real."""

import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from deepdigits.commands.parser import ArgumentParser
from deepdigits.comparison import results
from deepdigits.comparison.groups import Group, group_by_config
from deepdigits.comparison.rows import cells, evidence, head, row
from deepdigits.comparison.settings import differences
from deepdigits.core import tables
from deepdigits.core.errors import InputError


def main(args: Sequence[str]) -> None:
    """Print the comparison.

    Raises:
        InputError: A flag is wrong, or nothing is there to compare.
    """
    flags = build_parser().parse_args(args)
    groups = _groups(flags.runs, flags.split)
    print_ = _print_differences if flags.diff else _print_rows
    print_(groups, flags.format)
    if flags.plot:
        from deepdigits.comparison.plots import (
            save_comparison,
        )  # here, so that a table waits for no matplotlib

        save_comparison(groups, flags.plot)
        _say([f"picture: {flags.plot}"])


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "compare",
        description="Runs side by side: a row for each config, its runs being the same but for the "
        "seed, sorted by accuracy. Of two configs it says whether their difference is real.",
    )
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help="a run, or a folder with runs at any depth; default: all of lightning_logs without "
        "lightning_logs/reference",
    )
    parser.add_argument(
        "--format",
        choices=("table", "markdown", "csv", "json"),
        default="table",
        help="of the output",
    )
    parser.add_argument(
        "--diff", action="store_true", help="show the settings that differ, in place of the figures"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw accuracy against training seconds and against parameters: .png, .svg or .pdf",
    )
    parser.add_argument(
        "--split", choices=("train", "val", "test"), default="test", help="whose reports to compare"
    )
    return parser


def _groups(names: Sequence[str], split: str) -> list[Group]:
    """The groups to show, by dataset, then best first; what stays out is said on stderr."""
    found, notes = results.find(names)
    tested = []
    for run in found:
        try:
            tested.append(results.read(run, split))
        except InputError as error:
            notes.append(str(error))
    groups, repeats = group_by_config(tested)
    notes += repeats
    if len({group.measured for group in groups}) > 1:
        notes.append("runs measured on different digits are shown apart, never averaged together")
    if len({repr(result.report.get("hardware")) for result in tested}) > 1:
        notes.append("the runs did not all have the same hardware: mind it with training seconds")
    _say(notes)
    if not groups:
        what = f"none of {len(found)} runs has a report of split {split}" if found else "no run"
        raise InputError(f"nothing to compare ({what}): `deepdigits train -c CONFIG` makes a run")
    rows = {id(group): row(group) for group in groups}
    return sorted(
        groups, key=lambda group: (group.measured, -rows[id(group)]["accuracy_mean"], group.name)
    )


def _print_rows(groups: Sequence[Group], form: str) -> None:
    rows = [row(group) for group in groups]
    extra = evidence(groups[0], groups[1]) if len(groups) == 2 else None
    words = extra["words"] if extra else []
    if form == "json":
        print(json.dumps({"configs": rows, "evidence": extra}, indent=2))
    elif form == "csv":
        print(tables.comma_separated(rows))
        _say(words)
    else:
        _print_tables(groups, form)
        for sentence in words:
            print(f"\n{sentence}" if form == "markdown" else sentence)


def _print_tables(groups: Sequence[Group], form: str) -> None:
    """A table for each set of digits that was measured; with a title, where there are several."""
    several = len({group.measured for group in groups}) > 1
    for (dataset, split, digits), part in groupby(groups, key=lambda group: group.measured):
        title = f"{dataset}, {split}: {digits:,} digits" if several else None
        rows = [cells(row(group)) for group in part]
        _print_table(head(split), rows, form, title)


def _print_differences(groups: Sequence[Group], form: str) -> None:
    names = [group.name for group in groups]
    settings = [group.results[0].settings for group in groups]
    named = {
        key: dict(zip(names, values, strict=True)) for key, values in differences(settings).items()
    }
    if form == "json":
        print(json.dumps(named, indent=2, default=str))
    elif not named:
        _say(["no setting differs"])
    elif form == "csv":
        print(tables.comma_separated([{"setting": key} | row for key, row in named.items()]))
    else:
        rows = [
            [key, *("-" if value is None else str(value) for value in row.values())]
            for key, row in named.items()
        ]
        _print_table(["setting", *names], rows, form)


def _print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], form: str, title: str | None = None
) -> None:
    if form == "table":
        tables.show(head, rows, title)
    else:
        print(f"{title}\n" if title else "", tables.markdown(head, rows), sep="\n" if title else "")


def _say(lines: Sequence[str]) -> None:
    """Beside the output: on stderr, which a redirected table does not contain."""
    for line in lines:
        print(f"deepdigits: {line}", file=sys.stderr)
