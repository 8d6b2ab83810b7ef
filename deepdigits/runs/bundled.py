"""The nets that come with the package: run folders in pretrained/, their weights as safetensors.

python -m deepdigits.runs.bundled RUN NAME        publish the net of a run under a name
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.files import copy_atomically
from deepdigits.data.edit_names import KINDS, copy_name
from deepdigits.runs.dataset_record import RECORD
from deepdigits.runs.finished import CHECKPOINT_SUM, check_report, sha256
from deepdigits.runs.json_files import write_json
from deepdigits.runs.report import TRAINING, read_report, read_training
from deepdigits.runs.resolve import resolve_run
from deepdigits.runs.run import PRETRAINED, WEIGHTS, Run


def list_models() -> list[str]:
    """The names of the bundled nets."""
    return sorted(file.parent.name for file in PRETRAINED.glob(f"*/{WEIGHTS}"))


def output_folder(run: Run) -> Path:
    """Where an evaluation of a run writes its files.

    Returns:
        The run folder; for a bundled net, which is part of the package and read-only,
        ``pretrained/NAME`` in the data folder.
    """
    if not run.is_bundled:
        return run.folder
    from deepdigits.data.sources import default_data_dir  # here: `compare` does not wait for torch

    return default_data_dir() / "pretrained" / run.name


def publish(run: str | Run, name: str, folder: Path = PRETRAINED) -> Path:
    """Copy a tested run into a run folder of its own, with its weights as safetensors.

    Args:
        run: The run; its best checkpoint is taken.
        name: Name of the new folder.
        folder: Where to make it.

    Returns:
        The file of the weights. Next to it are config.yaml, report.json, training.json and, if the
        run has them, predictions.npz, dataset.json and the copies of its label edits.

    Raises:
        InputError: There is no such run, it was not tested, or its net cannot be loaded.
    """
    from deepdigits.runs.model import build_model, read_model, write_weights

    source = resolve_run(run) if isinstance(run, str) else run
    state, info = read_model(source)
    build_model(state, info, source.checkpoint)  # checks that the weights fit
    check_report(source.folder, source.checkpoint, read_report(source.folder) or {})
    if not info.report:
        raise InputError(
            f"run {source.folder} has no report.json: test it first, with `deepdigits report`"
        )
    target = Run(folder / name)
    target.folder.mkdir(parents=True, exist_ok=True)
    path = target.folder / WEIGHTS
    write_weights(source, path)
    copy_atomically(source.config_file, target.config_file)
    checkpoint = {"checkpoint": WEIGHTS, CHECKPOINT_SUM: sha256(path)}
    write_json(target.folder / "report.json", {**info.report, **checkpoint})
    write_json(target.folder / TRAINING, read_training(source.folder))
    for file in ("predictions.npz", RECORD, *map(copy_name, KINDS)):
        if (source.folder / file).is_file():
            copy_atomically(source.folder / file, target.folder / file)
    return path


def main(args: Sequence[str]) -> None:
    """Publish a net and print its file and size.

    Raises:
        InputError: The arguments are not two, or the run cannot be loaded.
    """
    if len(args) != 2:
        raise InputError("expected RUN and NAME, such as lightning_logs/cnn/version_0 cnn")
    run, name = args
    written = publish(run, name)
    say(f"{written}: {written.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        say(f"deepdigits: error: {error}", error=True)
        sys.exit(2)
