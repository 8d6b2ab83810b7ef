"""The verbs of the command line: what each does, and where it is. No imports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Attributes:
        help: What it does, in one line.
        module: Where its ``main`` is.
        shared: Whether that ``main`` serves several verbs and is given this one too.
    """

    help: str
    module: str
    shared: bool = False


VERBS = {
    "train": Verb(
        "train, then test the best checkpoint and report", "deepdigits.training.cli", True
    ),
    "fit": Verb("train only", "deepdigits.training.cli", True),
    "validate": Verb(
        "measure a checkpoint on the validation images", "deepdigits.training.cli", True
    ),
    "test": Verb("measure a checkpoint on the test images", "deepdigits.training.cli", True),
    "predict": Verb(
        "class probabilities of a dataset, into a file", "deepdigits.training.cli", True
    ),
    "classify": Verb("read the digits of photos and drawings", "deepdigits.commands.classify"),
    "report": Verb("table of a run: RUN --split train|val|test", "deepdigits.commands.report"),
    "repeat": Verb("train over several seeds: -c CONFIG --seeds N", "deepdigits.commands.repeat"),
    "ensemble": Verb("several runs as one net: RUN RUN ...", "deepdigits.commands.ensemble"),
    "compare": Verb("runs side by side, with statistics", "deepdigits.commands.compare"),
    "export": Verb(
        "a net as a file for other programs: RUN --to onnx|torch|safetensors",
        "deepdigits.commands.export",
    ),
    "demo": Verb("a page to draw on, in the browser: [RUN ...]", "deepdigits.commands.demo"),
    "bench": Verb("measure speed side by side", "deepdigits.commands.bench"),
    "completion": Verb(
        "print the completion script of a shell: bash or zsh", "deepdigits.commands.completion"
    ),
}
