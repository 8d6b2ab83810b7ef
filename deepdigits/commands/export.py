"""``deepdigits export RUN --to onnx|torch|safetensors``: a net as a file for other programs."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepdigits.commands.parser import ArgumentParser
from deepdigits.core import packages
from deepdigits.core.errors import RunFailed, one_line
from deepdigits.runs import bundled as pretrained
from deepdigits.runs.resolve import resolve_run

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2", "safetensors": ".safetensors"}


def main(args: Sequence[str]) -> list[Path]:
    """Export a net, prove each file on all test digits, and write a model card beside it.

    Args:
        args: RUN and options; see ``deepdigits export --help``.

    Returns:
        The files.

    Raises:
        InputError: The net cannot be loaded, or a package is missing.
        RunFailed: A file does not say what the net says, or cannot be written. No file is left.
    """
    parser = build_parser()
    options = parser.parse_args(args)
    if options.int8 and options.to != "onnx":
        parser.error("--int8 goes with --to onnx")
    if options.to == "onnx":
        packages.require_extra("export", "export --to onnx")
    stem, folder = _place(options.run, options.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # In place only once it is proved: a failed export leaves the former one as it was.
        with TemporaryDirectory(dir=folder, prefix=".export-") as part:
            _write(options.run, stem, Path(part), options.to, options.int8)
            return [_put(path, folder) for path in sorted(Path(part).iterdir())]
    except OSError as error:
        raise RunFailed(f"export to {folder} failed: {one_line(error)}") from error


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "export",
        description="Write a trained net as a file for other programs. Raw pixels go in, "
        "normalising is inside. The file is loaded with its own runtime and run on all test "
        "digits: if a prediction differs, the export fails. A model card lies beside it.",
    )
    parser.add_argument(
        "run",
        metavar="RUN",
        help="a run folder, a checkpoint in one, `latest`, or a net that comes with the package",
    )
    parser.add_argument("--to", choices=SUFFIXES, default="onnx", help="default: onnx")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="a second ONNX file, its linear layers in 8 bits, its accuracy, size and speed",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where to (default: export/ in the run folder, or here for a net of the package)",
    )
    return parser


def _place(name: str, folder: Path | None) -> tuple[str, Path]:
    """Stem and folder of the files."""
    if name in pretrained.list_models():
        return name, folder or Path("export")
    run = resolve_run(name)
    return run.folder.resolve().parent.name, folder or run.folder / "export"


def _write(name: str, stem: str, folder: Path, form: str, int8: bool) -> None:
    """The file, what belongs to it and the card, proved."""
    from deepdigits.export import formats
    from deepdigits.export import runtimes as engines
    from deepdigits.export import verify as proof
    from deepdigits.inference import load as loading

    weights, facts, source = loading.read(name)
    net = loading.build(name, weights, facts, source).net
    images, labels = proof.test_digits(facts["report"].get("dataset", "mnist"))
    of_net = engines.logits(net, images)
    path = folder / f"{stem}{SUFFIXES[form]}"
    if form == "safetensors":
        pretrained.write(stem, weights, facts, folder)
    else:
        getattr(formats, f"write_{form}")(net, facts, path)
    engine = getattr(engines, f"open_{form}")(path)
    proved = proof.compare(engines.logits(engine, images), of_net, labels)
    proof.assert_equivalent(proved, path)
    _tell(path, [str(proved)], form, facts)
    if int8:
        from deepdigits.export.quantization import measure_quantization

        small = path.with_name(f"{stem}-int8.onnx")
        formats.write_int8(path, small)
        quantised = engines.open_onnx(small)
        cost = proof.compare(engines.logits(quantised, images), of_net, labels)
        net_accuracy = f"the net has {100 * cost.net_accuracy:.2f} %"
        measured = measure_quantization({path: engine, small: quantised})
        _tell(small, [f"{cost}; {net_accuracy}", *measured], form, facts)


def _tell(path: Path, checks: list[str], form: str, facts: dict[str, Any]) -> None:
    """What was found of a file: to the user, and into the card beside it."""
    from deepdigits.export import card

    for check in checks:
        print(f"{path.name}: {check}")
    path.with_name(f"{path.name}.md").write_text(card.to_markdown(path.name, form, facts, checks))


def _put(path: Path, folder: Path) -> Path:
    target = path.replace(folder / path.name)
    print(target)
    return target
