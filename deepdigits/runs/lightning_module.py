"""Build the trained LightningModule of a run."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule

from deepdigits.core.errors import InputError, one_line
from deepdigits.runs import checkpoint
from deepdigits.runs.config import check_setting_names
from deepdigits.runs.found_config import check_settings, model_settings
from deepdigits.runs.trust import bundled_name, trusted_class


def load_module(config: dict[str, Any], folder: Path, path: Path) -> LightningModule:
    """The LightningModule that a config names, with the weights of a checkpoint.

    Args:
        config: The config of the run.
        folder: The run folder, for errors.
        path: The checkpoint.

    Returns:
        The module in evaluation mode, on the CPU.

    Raises:
        InputError: The checkpoint is missing, damaged or of another net, or the config names a
            class that is not trusted, or sets more than plain values.
    """
    class_path = model_settings(config, folder)["class_path"]
    model_class = trusted_class(class_path, folder)
    content = checkpoint.load(path)
    settings = content.get("hyper_parameters")
    if not isinstance(settings, dict):
        raise InputError(f"checkpoint {path} has no hyper_parameters: train the net again")
    bundled = bundled_name(class_path)
    if bundled:
        check_setting_names(settings, path)
    check_settings(settings, model_class, folder, "model")
    try:
        if bundled:
            with torch.device("meta"):  # takes no memory, however large the settings say it is
                checkpoint.check_fits(content["state_dict"], model_class(**settings), path)
        built: LightningModule = model_class(**settings)
    except (AttributeError, ImportError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"run {folder}: cannot build {class_path} from its settings ({one_line(error, 160)})"
        ) from error
    checkpoint.check_fits(content["state_dict"], built, path)
    built.load_state_dict(content["state_dict"])
    return built.eval()
