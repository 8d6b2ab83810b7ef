"""``deepdigits compare``: a row for each config, and whether the difference of two is real."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from deepdigits.commands.parser import ArgumentParser
from deepdigits.comparison import results
from deepdigits.comparison.comparison import Comparison
from deepdigits.comparison.groups import Group, group_by_config
from deepdigits.comparison.rows import row
from deepdigits.core import tables
from deepdigits.core.console import say, say_text
from deepdigits.core.errors import InputError
from deepdigits.data.registry import SPLITS, Split
from deepdigits.runs.resolve import LOGS, run_argument
from deepdigits.runs.run import Run


def compare(
    runs: str | Path | Run | Sequence[str | Path | Run] = (),
    split: Split = "test",
) -> Comparison:
    """Compare tested runs: a row for each config, and evidence if there are exactly two configs.

    Runs of one config that differ only by their seed are put together: their row has the mean and
    the standard deviation. Runs without a report of the split, and damaged runs, are left out, each
    with one line in `notes`.

    Args:
        runs: Runs, or folders that hold runs at any depth; as for `evaluate`. Empty: all runs in
            ``lightning_logs``, without ``lightning_logs/reference``.
        split: Compare the reports on this split: train, val or test.

    Raises:
        InputError: No run is left to compare; its notes (``__notes__``) tell why.

    Example:
        >>> comparison = compare("lightning_logs/reference")  # doctest: +SKIP
        >>> say_text(comparison.to_markdown())  # doctest: +SKIP
    """
    if isinstance(runs, str | Path | Run):
        runs = [runs]
    found, notes = results.find([run_argument(run) for run in runs])
    tested = []
    for run in found:
        try:
            tested.append(results.read(run, split))
        except InputError as error:
            notes.append(str(error))
    groups, repeated = group_by_config(tested)
    notes += repeated
    if len({group.evaluated_on for group in groups}) > 1:
        notes.append(
            "runs that were evaluated on different digits are listed separately, never averaged"
        )
    notes += _label_edits(groups)
    if len({repr(result.report.get("hardware")) for result in tested}) > 1:
        notes.append(
            "the runs were not all trained on the same hardware: their training seconds cannot be "
            "compared"
        )
    if not groups:
        raise _nothing_to_compare(len(found), split, notes)
    return Comparison(tuple(sorted(groups, key=_order)), tuple(notes))


def main(args: Sequence[str]) -> None:
    """Print a comparison.

    Raises:
        InputError: A flag is wrong, or there is nothing to compare.
    """
    options = build_parser().parse_args(args)
    try:
        comparison = compare(options.runs, options.split)
    except InputError as error:
        _print_notes(getattr(error, "__notes__", ()))
        raise
    _print_notes(comparison.notes)
    print_ = _print_differences if options.diff else _print_rows
    print_(comparison, options.format)
    if options.plot:
        comparison.plot(options.plot)
        _print_notes([f"plot: {options.plot}"])


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "compare",
        description="Compare tested runs: a row for each config, best accuracy first. Runs that "
        "differ only by their seed are one config. For two configs, statistical tests tell whether "
        "their difference is real.",
    )
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help=f"a run, or a folder that holds runs at any depth (default: {LOGS} without "
        f"{LOGS}/reference)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "markdown", "csv", "json"),
        default="table",
        help="output format (default: table)",
    )
    parser.add_argument(
        "--diff", action="store_true", help="show the settings that differ instead of the results"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="plot accuracy against training seconds and parameters: .png, .svg or .pdf",
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="compare the reports on this split (default: test)",
    )
    return parser


def _label_edits(groups: Sequence[Group]) -> list[str]:
    """One line for each config that was not trained with the labels of its dataset."""
    lines = []
    for group in groups:
        edits = group.results[0].report.get("label_edits")
        if isinstance(edits, dict):
            counts = ", ".join(f"{edits.get(what)} {what}" for what in ("excluded", "relabelled"))
            lines.append(f"{group.name} was trained with label edits: {counts}")
    return lines


def _order(group: Group) -> tuple[tuple[str, str, int], float, str]:
    return group.evaluated_on, -row(group)["accuracy_mean"], group.name


def _nothing_to_compare(found: int, split: str, notes: Sequence[str]) -> InputError:
    reason = f"none of {found} runs has a report of split {split}" if found else "no run"
    error = InputError(
        f"nothing to compare ({reason}): train one with `deepdigits train -c CONFIG`"
    )
    for note in notes:
        error.add_note(note)
    return error


def _print_rows(comparison: Comparison, form: str) -> None:
    evidence = comparison.evidence
    sentences = evidence.sentences if evidence else []
    if form == "json":
        content = {"configs": comparison.rows, "evidence": evidence and asdict(evidence)}
        say_text(json.dumps(content, indent=2))
    elif form == "csv":
        say_text(tables.comma_separated(comparison.rows))
        _print_notes(sentences)
    elif form == "markdown":
        say_text(comparison.to_markdown())
    else:
        for table in comparison.tables():
            tables.show(table.columns, table.rows, table.title)
        for sentence in sentences:
            say(sentence)


def _print_differences(comparison: Comparison, form: str) -> None:
    settings = comparison.differences()
    columns = ["setting", *(group.name for group in comparison.groups)]
    rows = [
        [key, *("-" if value is None else str(value) for value in values.values())]
        for key, values in settings.items()
    ]
    if form == "json":
        say_text(json.dumps(settings, indent=2, default=str))
    elif not settings:
        _print_notes(["no setting differs"])
    elif form == "csv":
        say_text(tables.comma_separated([{"setting": key} | row for key, row in settings.items()]))
    elif form == "markdown":
        say_text(tables.markdown(columns, rows))
    else:
        tables.show(columns, rows)


def _print_notes(lines: Sequence[str]) -> None:
    """Print to stderr, so that a redirected table contains nothing else."""
    for line in lines:
        say(f"deepdigits: {line}", error=True)
