"""``deepdigits report RUN --split train|val|test``: the table of a trained net for a split."""

from collections.abc import Sequence

from deepdigits.commands import ArgumentParser
from deepdigits.metrics.report import Report
from deepdigits.training import cli


def main(args: Sequence[str]) -> Report:
    """Measure a run's net on a split, write the report into the run folder and print it.

    Args:
        args: RUN and options; see ``deepdigits report --help``.

    Returns:
        The report.

    Raises:
        InputError: There is no such run, or no such split.
    """
    parser = ArgumentParser("report", description=__doc__)
    parser.add_argument(
        "run", metavar="RUN", help="a run folder, a checkpoint in one, `latest`, cnn or mlp"
    )
    parser.add_argument(
        "--split",
        choices=("train", "val", "test"),
        default="test",
        help="test writes report.json, the others report-SPLIT.json (default: test)",
    )
    options = parser.parse_args(args)
    tested = cli.main(["test", "--ckpt_path", options.run, "--data.test_split", options.split])
    report = tested.report_writer().report
    assert report is not None
    return report
