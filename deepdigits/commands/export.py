"""``deepdigits export RUN --to onnx|torch|safetensors``: a net as a file for other programs."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import packages
from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.failures import explain
from deepdigits.core.files import atomic_path, is_inside
from deepdigits.core.part_files import part_folder
from deepdigits.runs.resolve import RUN_HELP, resolve_run
from deepdigits.runs.run import Run

Form = Literal["onnx", "torch", "safetensors"]
SUFFIXES: Mapping[Form, str] = {"onnx": ".onnx", "torch": ".pt2", "safetensors": ".safetensors"}


@dataclass(frozen=True)
class Export:
    """The result of an export.

    Attributes:
        files: The written files: of each exported file first itself, then its model card.
        checks: Name of an exported file -> what was measured on it, a sentence each.
    """

    files: tuple[Path, ...]
    checks: Mapping[str, tuple[str, ...]]


def export(
    run: str | Path | Run,
    to: Form = "onnx",
    folder: str | Path | None = None,
    int8: bool = False,
) -> Export:
    """Write a trained net as a file for other programs, with a model card.

    The file takes raw pixels; normalising is part of it. It is loaded with its own runtime and run
    on all test images; it is only kept if its predictions equal the net's.

    Args:
        run: A run folder, a checkpoint in one, ``latest``, or a bundled net.
        to: onnx; torch, a .pt2 of torch.export; or safetensors, weights and settings.
        folder: Where to write. None: export/ in the run folder, or in the working directory for a
            bundled net.
        int8: Also write a second ONNX file with layers in 8 bits.

    Raises:
        InputError: The net cannot be loaded, such as one of a class that is not trusted, a package
            is missing, or the arguments do not go together.
        RunFailed: The file is not equivalent to the net, or cannot be written. No file is left.
    """
    if to not in SUFFIXES:
        raise InputError(f"to is {to!r}, expected one of {', '.join(SUFFIXES)}")
    if int8 and to != "onnx":
        raise InputError("int8 goes with onnx only: export to onnx, or leave int8 out")
    if to == "onnx":
        packages.require_extra("export", "export --to onnx")
    source = resolve_run(run)
    if folder is None:
        folder = Path("export") if source.is_bundled else source.folder / "export"
        if not source.is_bundled and not is_inside(folder, source.folder):
            raise InputError(
                f"{folder} is a link to {folder.resolve()}, outside of the run: pass --folder"
            )
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Put into place after the checks: a failed export leaves the former file as it was.
        with part_folder(folder) as part:
            checks = _write(source, part, to, int8)
            names = [name for file in checks for name in (file, f"{file}.md")]
            with ExitStack() as moves:  # all files are there before the first is put into place
                for name in names:
                    shutil.copyfile(part / name, moves.enter_context(atomic_path(folder / name)))
        return Export(tuple(folder / name for name in names), checks)
    except OSError as error:
        line = explain(f"export to {folder}", error)
        assert line is not None
        raise line from error


def main(args: Sequence[str]) -> list[Path]:
    """Export a net, print what was checked and where the files are.

    Args:
        args: RUN and options; see ``deepdigits export --help``.

    Returns:
        The files.

    Raises:
        InputError: As `export`.
        RunFailed: As `export`.
    """
    parser = build_parser()
    options = parser.parse_args(args)
    if options.int8 and options.to != "onnx":
        parser.error("--int8 goes with --to onnx")
    done = export(options.run, options.to, options.folder, options.int8)
    for name, checks in done.checks.items():
        for check in checks:
            say(f"{name}: {check}")
    say(*map(str, done.files))
    return list(done.files)


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "export",
        description="Write a trained net as a file for other programs. The file takes raw pixels; "
        "normalising is part of it. It is loaded with its own runtime and run on all test images: "
        "if a prediction differs, the export fails. A model card is written next to it.",
    )
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--to", choices=tuple(SUFFIXES), default="onnx", help="default: onnx")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="also write a second ONNX file with layers in 8 bits, and measure its "
        "accuracy, size and speed",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where to write (default: export/ in the run folder; for a bundled net export/ in "
        "the working directory)",
    )
    return parser


def _write(run: Run, folder: Path, to: Form, int8: bool) -> dict[str, tuple[str, ...]]:
    """Write the file and its model card, verified; returns the checks of each file."""
    from deepdigits.exporters import card, formats, runtimes, verify  # here, as they load torch
    from deepdigits.exporters.quantization import CALIBRATION, measure_quantization
    from deepdigits.inference.reader import to_images
    from deepdigits.runs.finished import check_report
    from deepdigits.runs.images import images_of
    from deepdigits.runs.model import build_model, read_model, write_weights
    from deepdigits.runs.report import read_report

    state, info = read_model(run)
    net = build_model(state, info, run.checkpoint)
    check_report(run.folder, run.checkpoint, read_report(run.folder) or {})  # the card passes it on
    pixels, labels = images_of(run, info, "test")
    images = to_images(pixels)
    expected = runtimes.logits(net, images)
    path = folder / f"{run.name}{SUFFIXES[to]}"
    if to == "safetensors":
        write_weights(run, path)
    else:
        getattr(formats, f"write_{to}")(net, info, path)
    exported = getattr(runtimes, f"open_{to}")(path)
    found = verify.compare(runtimes.logits(exported, images), expected, labels)
    verify.assert_equivalent(found, path)
    checks: dict[str, tuple[str, ...]] = {path.name: (str(found),)}
    if int8:
        small = path.with_name(f"{run.name}-int8.onnx")
        training, _ = images_of(run, info, "train")
        formats.write_int8(path, small, to_images(training[:CALIBRATION]))
        quantised = runtimes.open_onnx(small)
        found = verify.compare(runtimes.logits(quantised, images), expected, labels)
        accuracy = str(found)
        if found.net_accuracy is not None:
            accuracy += f"; the net has {100 * found.net_accuracy:.2f} %"
        checks[small.name] = (
            accuracy,
            *measure_quantization({path: exported, small: quantised}, images),
        )
    for name, sentences in checks.items():
        text = card.to_markdown(name, to, info, sentences)
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return checks
