"""The training images of a run: its dataset after the label edits, without folds and validation."""

import numpy as np
from numpy.typing import NDArray

from deepdigits.core.errors import InputError
from deepdigits.core.signatures import parameters
from deepdigits.runs.data_module import names_class
from deepdigits.runs.found_config import data_settings
from deepdigits.runs.run import Run
from deepdigits.runs.trust import trusted_class


def training_images(run: Run) -> NDArray[np.uint8]:
    """The images, uint8 (N, 28, 28), in the order of the dataset.

    Raises:
        InputError: The config is not trusted, or the data folder does not have the dataset.
    """
    from deepdigits.data.augment import Augment
    from deepdigits.data.module import DigitsDataModule  # loads Lightning

    settings = data_settings(run.config, run.folder)
    owner: type = DigitsDataModule
    if names_class(settings):
        owner = trusted_class(settings["class_path"], run.folder, section="data")
        settings = settings["init_args"]
    if not issubclass(owner, DigitsDataModule):
        raise InputError(f"{owner.__name__} is not a DigitsDataModule: its images are not known")
    if "augment" in settings:
        settings["augment"] = Augment(**settings["augment"])
    known = parameters(owner)
    data = owner(**{name: value for name, value in settings.items() if name in known})
    data.prepare_data()
    images: NDArray[np.uint8] = data.division.training().images.numpy()
    return images
