"""``bench cascade``: forward passes and errors of shift TTA: none, a cascade, all five."""

import math
from functools import partial

from torch import Tensor

from deepdigits.benchmarks.timing import Result
from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.data.registry import Split
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader, to_images
from deepdigits.models.shift_tta import is_unclear, with_shift_tta
from deepdigits.runs.images import images_of
from deepdigits.runs.model import read_model
from deepdigits.runs.model_info import ModelInfo
from deepdigits.runs.resolve import resolve_run
from deepdigits.runs.run import Run
from deepdigits.runs.shift_confidence import write_confidence

COLUMNS = ["digits", "n", "shifted copies", "passes an image", "errors", "differ from all five"]


def bench_cascade(model: str = "cnn", save: bool = False) -> Result:
    """Choose the confidence of the cascade on validation digits, and count errors on test digits.

    Args:
        model: A RUN: its net has the setting ``shift_tta``.
        save: Write the confidence into the run folder. From then on `deepdigits.load`, ``classify``
            and ``export`` use the cascade for this run.

    Raises:
        InputError: There is no such run, it has no validation digits, or a net without shifts.
    """
    run = resolve_run(model)
    _, info = read_model(run)
    reader = load(run)
    shift_tta = getattr(reader.net, "shift_tta", None)
    if shift_tta is None or (save and not shift_tta):
        raise InputError(
            f"the net of {model} does not average over shifts: expected a CNN or an MLP that was "
            "trained with --model.shift_tta true"
        )
    digits = partial(_digits, run, info)
    confidence = choose_confidence(reader, digits("val")[0])
    rows, measurements = [], {}
    for split in ("val", "test"):
        images, labels = digits(split)
        measured = measurements[split] = count(reader, images, labels, confidence)
        for name, (passes, errors, changed) in measured.items():
            rows.append([split, f"{len(labels)}", name, f"{passes:.3f}", f"{errors}", f"{changed}"])
    if save:
        say(str(write_confidence(run.folder, run.checkpoint, confidence)), error=True)
    task = f"shift TTA of {model}; cascade: only below a confidence of {confidence}"
    return Result("cascade", task, COLUMNS, rows, {"confidence": confidence, **measurements})


def choose_confidence(reader: DigitReader, images: Tensor) -> float:
    """The confidence below which the shifted copies are needed.

    On the validation digits, no prediction that the copies change has a confidence above a highest
    one. The choice is half-way from there to 1, rounded up to hundredths: a margin for digits of
    other people, and so for any net, however sure it is of itself.

    Args:
        reader: The net.
        images: Validation digits (N, 1, 28, 28) in [0, 1].
    """
    once, five = (_logits(reader, tta, images) for tta in (False, True))
    changed = once.argmax(dim=1) != five.argmax(dim=1)
    confidences = once.softmax(dim=1).amax(dim=1)[changed]
    highest = float(confidences.max()) if len(confidences) else 0.0
    return math.ceil(50 * (1 + highest)) / 100


def count(
    reader: DigitReader, images: Tensor, labels: Tensor, confidence: float
) -> dict[str, tuple[float, int, int]]:
    """Passes per image, errors, and predictions that differ from those with all five copies."""
    once, five = (_logits(reader, tta, images) for tta in (False, True))
    unclear = float(is_unclear(once, confidence).double().mean())
    ways = {
        "none": (1.0, once),
        "below the confidence": (1 + 4 * unclear, _logits(reader, confidence, images)),
        "of all": (5.0, five),
    }
    predicted = {name: (passes, logits.argmax(dim=1)) for name, (passes, logits) in ways.items()}
    best = five.argmax(dim=1)
    return {
        name: (passes, int((labels != own).sum()), int((best != own).sum()))
        for name, (passes, own) in predicted.items()
    }


def _logits(reader: DigitReader, shift_tta: bool | float, images: Tensor) -> Tensor:
    return DigitReader(with_shift_tta(reader.net, shift_tta), "", ()).logits(images)


def _digits(run: Run, info: ModelInfo, split: Split) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 28, 28) in [0, 1] and labels (N,) of the split that a net was trained with."""
    images, labels = images_of(run, info, split)
    if labels is None:
        raise InputError(
            f"the {split} images of {run.name} are not known here: expected a dataset of the "
            "catalogue, or one by its path whose prepared copy is in the data folder"
        )
    return to_images(images), labels
