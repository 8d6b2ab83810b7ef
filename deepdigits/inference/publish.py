"""``python -m deepdigits.runs.bundled RUN NAME``: publish the net of a run under a name."""

import sys
from collections.abc import Sequence
from pathlib import Path

from deepdigits.core.errors import InputError
from deepdigits.inference.load import build, read_run
from deepdigits.runs import bundled as pretrained
from deepdigits.runs.resolve import resolve_run


def publish(run: str, name: str, folder: Path = pretrained.FOLDER) -> Path:
    """Write the net of a run, with its settings and report, as a list_models net.

    Returns:
        The file of the weights; the facts lie beside it.

    Raises:
        InputError: There is no such run, it was not tested, or its net cannot be loaded.
    """
    source = resolve_run(run)
    weights, facts = read_run(source)
    build(name, weights, facts, source.checkpoint)  # fits, or ends here
    if not facts["report"]:
        raise InputError(f"run {run} has no report.json: test it first, with `deepdigits report`")
    return pretrained.write(name, weights, facts, folder)


def main(args: Sequence[str]) -> None:
    """Ship a net and say where it lies.

    Raises:
        InputError: The arguments are not two, or the run cannot be loaded.
    """
    if len(args) != 2:
        raise InputError("expected RUN and NAME, such as lightning_logs/cnn/version_0 cnn")
    run, name = args
    written = publish(run, name)
    print(f"{written}: {written.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        print(f"deepdigits: error: {error}", file=sys.stderr)
        sys.exit(2)
