"""Build the trained LightningModule of a run."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.modules import importable_working_directory
from deepdigits.runs import checkpoint
from deepdigits.runs.config import check_setting_names
from deepdigits.runs.config_safety import check_config_imports


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
            class that may not be imported.
    """
    check_config_imports(config, folder, [])
    content = checkpoint.load(path)
    model = config.get("model")
    class_path = str(model.get("class_path")) if isinstance(model, dict) else "no class"
    module, _, name = class_path.rpartition(".")
    settings = content.get("hyper_parameters")
    if not isinstance(settings, dict):
        raise InputError(f"checkpoint {path} has no hyper_parameters: train the net again")
    bundled = module.partition(".")[0] == "deepdigits"
    if bundled:
        check_setting_names(settings, path)
    try:
        with importable_working_directory():
            model_class = getattr(import_module(module), name)
        if not (isinstance(model_class, type) and issubclass(model_class, LightningModule)):
            raise TypeError(f"{class_path} is not a LightningModule")
        if bundled:
            with torch.device("meta"):  # takes no memory, however large the settings say it is
                checkpoint.check_fits(content["state_dict"], model_class(**settings), path)
        built = model_class(**settings)
    except (AttributeError, ImportError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"run {folder}: cannot build {name} from its settings ({one_line(error, 160)})"
        ) from error
    checkpoint.check_fits(content["state_dict"], built, path)
    built.load_state_dict(content["state_dict"])
    return built.eval()
