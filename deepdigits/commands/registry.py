"""The commands: what each does, and the function that runs it. Imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        help: What it does, in one line.
        entry: ``module:function`` in this folder; the function takes the arguments.
    """

    help: str
    entry: str


COMMANDS = {
    "train": Command("train, then test the best checkpoint and report", "train:main"),
    "fit": Command("train only", "train:main_fit"),
    "validate": Command("evaluate a net on the validation images", "evaluate:main_validate"),
    "test": Command("evaluate a net on the test images", "evaluate:main_test"),
    "predict": Command("write the class probabilities of a dataset to a file", "predict:main"),
    "classify": Command("read the digits of photos and drawings", "classify:main"),
    "report": Command("evaluate a run: RUN --split train|val|test", "evaluate:main"),
    "repeat": Command("train with several seeds or folds: -c CONFIG --seeds N", "repeat:main"),
    "sweep": Command("search for the best settings of a config: --param KEY=RANGE", "sweep:main"),
    "slurm": Command("print a job script for SLURM: -c CONFIG --nodes N", "slurm:main"),
    "ensemble": Command("evaluate the mean of several nets: RUN RUN ...", "ensemble:main"),
    "compare": Command("compare runs, with statistics", "compare:main"),
    "audit": Command("find wrong labels: folder of a repeat with --folds", "audit:main"),
    "export": Command("export a net: RUN --to onnx|torch|safetensors", "export:main"),
    "demo": Command("draw digits in the browser: [RUN ...]", "demo:main"),
    "data": Command("show what is in a dataset: NAME or PATH", "data:main"),
    "configs": Command("list the configs that come with the package, or print one", "configs:main"),
    "bench": Command("measure speed, side by side", "bench:main"),
    "completion": Command("print a completion script: bash or zsh", "completion:main"),
}
LIGHTNING = ("train", "fit", "validate", "test", "predict")  # with all options of LightningCLI
OF_TRAIN = ("repeat", "slurm")  # they take those of `train` too
