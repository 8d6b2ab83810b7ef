"""Build the trained LightningModule of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule

from deepdigits.core.errors import InputError, one_line
from deepdigits.runs import checkpoint
from deepdigits.runs.config import check_setting_names
from deepdigits.runs.found_config import check_settings, model_settings
from deepdigits.runs.own_nets import all_settings, build_module
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
    class_path: str = model_settings(config, folder)["class_path"]
    model_class = trusted_class(class_path, folder)
    content = checkpoint.load(path)
    if bundled_name(class_path):
        built = _build_bundled(model_class, content, folder, path)
    else:
        settings = all_settings(config, model_class, folder, content)
        built = build_module(model_class, settings, f"run {folder}")
    checkpoint.check_fits(content["state_dict"], built, path)
    built.load_state_dict(content["state_dict"])
    return built.eval()


def _build_bundled(
    model_class: type, content: Mapping[str, Any], folder: Path, path: Path
) -> LightningModule:
    """A bundled net with the settings of a checkpoint, which may come from elsewhere."""
    settings = content.get("hyper_parameters")
    if not isinstance(settings, dict):
        raise InputError(f"checkpoint {path} has no hyper_parameters: train the net again")
    check_setting_names(settings, path)
    check_settings(settings, model_class, folder, "model")
    try:
        with torch.device("meta"):  # takes no memory, however large the settings say it is
            checkpoint.check_fits(content["state_dict"], model_class(**settings), path)
        built: LightningModule = model_class(**settings)
    except (AttributeError, ImportError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"run {folder}: cannot build {model_class.__name__} from its settings "
            f"({one_line(error, 160)})"
        ) from error
    return built
