"""The verbs of the command line: what each does, and where it is. No imports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One verb of the command line.

    Attributes:
        help: What it does, in one line.
        module: Where its ``main`` is.
        shared: Whether that ``main`` serves several verbs and is given this one too.
    """

    help: str
    module: str
    shared: bool = False


COMMANDS = {
    "train": Command(
        "train, then test the best checkpoint and report", "deepdigits.training.cli", True
    ),
    "fit": Command("train only", "deepdigits.training.cli", True),
    "validate": Command(
        "measure a checkpoint on the validation images", "deepdigits.training.cli", True
    ),
    "test": Command("measure a checkpoint on the test images", "deepdigits.training.cli", True),
    "predict": Command(
        "class probabilities of a dataset, into a file", "deepdigits.training.cli", True
    ),
    "classify": Command("read the digits of photos and drawings", "deepdigits.commands.classify"),
    "report": Command("table of a run: RUN --split train|val|test", "deepdigits.commands.report"),
    "repeat": Command(
        "train over several seeds: -c CONFIG --seeds N", "deepdigits.commands.repeat"
    ),
    "ensemble": Command("several runs as one net: RUN RUN ...", "deepdigits.commands.ensemble"),
    "compare": Command("runs side by side, with statistics", "deepdigits.commands.compare"),
    "export": Command(
        "a net as a file for other programs: RUN --to onnx|torch|safetensors",
        "deepdigits.commands.export",
    ),
    "demo": Command("a page to draw on, in the browser: [RUN ...]", "deepdigits.commands.demo"),
    "bench": Command("measure speed side by side", "deepdigits.commands.bench"),
    "completion": Command(
        "print the completion script of a shell: bash or zsh", "deepdigits.commands.completion"
    ),
}
