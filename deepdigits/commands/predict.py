"""``deepdigits predict``: the class probabilities of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepdigits.commands import unlabelled
from deepdigits.commands.overrides import Overrides, override_arguments
from deepdigits.core.errors import InputError
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.registry import Split
from deepdigits.runs.data_module import has_test_split
from deepdigits.runs.resolve import resolve_run, run_argument
from deepdigits.runs.run import Run
from deepdigits.training.arguments import evaluated_data, split_arguments
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.execution import call, execute


@dataclass(frozen=True)
class Prediction:
    """The class probabilities of a split, in its order.

    Attributes:
        probabilities: float32 (N, C).
        labels: True labels, int64 (N,). None: the dataset has none.
        images: uint8 (N, 28, 28).
        class_names: Name of each class, (C,).
        dataset: Name of the dataset.
        split: train, val or test.
        places: Place of each image in the training images of the dataset, in their original order,
            int64 (N,); of a test split, or of a validation split that the dataset has, in that.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    images: NDArray[np.uint8]
    class_names: tuple[str, ...]
    dataset: str
    split: str
    places: NDArray[np.int64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each image, (N,)."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best

    @property
    def known_labels(self) -> NDArray[np.int64]:
        """The true labels, (N,).

        Raises:
            InputError: The dataset has none.
        """
        if self.labels is None:
            raise InputError(f"{self.dataset} has no labels: expected a dataset with labels")
        return self.labels


def predict(
    run: Run | str | Path,
    split: Split = "test",
    output: str | Path | None = None,
    overrides: Overrides = (),
) -> Prediction:
    """Predict the class probabilities of a split, in the default precision, 32 bits.

    Args:
        run: A run, its folder, a checkpoint in it, ``latest``, or a bundled net (cnn or mlp).
        split: train, val or test; without augmentation.
        output: A .csv or .npz file to write them to as well.
        overrides: Flags that override the run's config, or a mapping of them. ``data.dataset`` may
            be a CSV file without labels; then a .csv output has ImageId and Label.

    Raises:
        InputError: There is no such run, a flag is wrong, or the file cannot be written.
    """
    more = override_arguments(overrides)
    if (file := unlabelled.typed_table(more)) is not None:
        return _predict_table(resolve_run(run), file, output, more)
    _check_data(resolve_run(run), split, more)
    _, flags = split_arguments(resolve_run(run), split, more)
    flags += [f"--ckpt_path={run_argument(run)}"]
    flags += [f"--output={'null' if output is None else output}"]
    cli = call("predict", [*flags, *more])
    data: Any = cli.datamodule
    data.setup("predict")  # reads nothing again; the prediction may be of other processes
    probabilities = cli.probabilities.numpy()
    images, labels = (
        tensor[: len(probabilities)].cpu().numpy()
        for tensor in data.images_and_labels(data.test_split)
    )
    if (labels >= probabilities.shape[1]).any():
        raise InputError(
            f"{type(data).__name__} has other labels than its dataset, which has "
            f"{len(data.dataset.classes)} classes: `deepdigits report RUN` counts those of its "
            "batches, and `deepdigits predict --ckpt_path RUN` writes the probabilities"
        )
    return Prediction(
        probabilities,
        labels,
        images,
        tuple(data.class_names),
        data.dataset_name,
        data.test_split,
        data.places(data.test_split)[: len(probabilities)].numpy(),
    )


def _predict_table(
    run: Run, file: Path, output: str | Path | None, args: Sequence[str]
) -> Prediction:
    """The prediction of a CSV file without labels."""
    unlabelled.check_arguments(file, args)
    images, probabilities, reader = unlabelled.predict_table(run, file, output)
    return Prediction(
        probabilities, None, images, reader.class_names, file.name, "test", np.arange(len(images))
    )


def _check_data(run: Run, split: str, args: Sequence[str]) -> None:
    """Check that the data module gives images and labels of a split.

    Raises:
        InputError: It does not, or its class is not trusted.
    """
    data = evaluated_data(run, args)
    if data is None or has_test_split(data):
        return
    if not issubclass(data, DigitsDataModule):
        raise InputError(
            f"the images of {data.__name__} are not known, as it is not a DigitsDataModule: "
            "`deepdigits predict --ckpt_path RUN` writes the probabilities"
        )
    if split != "test":
        raise InputError(
            f"{data.__name__} has no argument test_split, so only its test images are predicted: "
            "give it that argument, or leave the split out"
        )


def main(args: Sequence[str]) -> DigitsCLI | None:
    """Write the probabilities to a file.

    Returns:
        The CLI, with its trainer, model and datamodule. None: the images have no labels.
    """
    if (file := unlabelled.typed_table(args)) is not None:
        unlabelled.main(file, args)
        return None
    return execute("predict", args)
