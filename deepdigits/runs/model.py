"""The plain net of a run: read its weights and description, build it, write it as safetensors."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdigits.core.errors import InputError, one_line
from deepdigits.data.registry import DATASETS
from deepdigits.models import CNN, MLP
from deepdigits.runs import checkpoint, config, weights
from deepdigits.runs.finished import is_of_other_weights
from deepdigits.runs.model_info import ModelInfo
from deepdigits.runs.report import read_report
from deepdigits.runs.run import Run
from deepdigits.runs.trust import bundled_name

# The only classes that a file may name. Without their LightningModules, which import Lightning, a
# net is loaded in half the time.
NET_CLASSES: Mapping[str, type[nn.Module]] = {"LitCNN": CNN, "LitMLP": MLP}
SPLIT = ("dataset", "val_size", "split_seed")  # these settings decide which digits were trained on
State = dict[str, Tensor]


def read_model(run: Run) -> tuple[State, ModelInfo]:
    """The weights of a run's checkpoint, under the names of the plain net, and its description.

    Raises:
        InputError: The run has no checkpoint, a damaged one, or a net of another class.
    """
    run_config = run.config
    net = _class_name(run_config, run)
    class_names = _class_names(run_config, run)
    content = checkpoint.load(run.checkpoint)
    settings = content.get("hyper_parameters")
    if not isinstance(settings, dict):
        raise InputError(
            f"checkpoint {run.checkpoint} has no hyper_parameters, which hold the settings of its "
            "net: train anew"
        )
    config.check_setting_names(settings, run.checkpoint)
    state: State = content["state_dict"]
    if unknown := [key for key in state if not key.startswith("net.")]:
        raise InputError(
            f"checkpoint {run.checkpoint} is of another net: it has unknown weights {unknown[0]} "
            f"({len(unknown)} in all)"
        )
    report = read_report(run.folder) or {}
    known = inspect.signature(NET_CLASSES[net]).parameters  # the other settings are of the training
    info = ModelInfo(
        net=net,
        settings={key: value for key, value in settings.items() if key in known},
        data=_split(run_config["data"], run),
        class_names=class_names,
        report={} if is_of_other_weights(run.checkpoint, report) else report,
    )
    return {key.removeprefix("net."): value for key, value in state.items()}, info


def build_model(state: Mapping[str, Tensor], info: ModelInfo, path: Path) -> nn.Module:
    """The net of a description with the given weights, in evaluation mode on the CPU.

    Args:
        state: The weights, under the names of the plain net.
        info: The description.
        path: The file of the weights, for errors.

    Raises:
        InputError: The settings are invalid, or the weights do not fit them.
    """
    try:
        if not state:
            raise InputError(f"{path} is of another net: it has no weights")
        if any(isinstance(v, list) and len(v) > len(state) for v in info.settings.values()):
            raise ValueError("it would have more layers than there are weights")
        with torch.device("meta"):  # takes no memory, however large a net the settings describe
            sketch = NET_CLASSES[info.net](**info.settings)
        checkpoint.check_fits(state, sketch, path)
        net = NET_CLASSES[info.net](**info.settings)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the net of {path} cannot be built from its settings ({one_line(error, 200)}): train "
            "anew, or name another run"
        ) from error
    net.load_state_dict(state)
    return net.eval().requires_grad_(False)


def write_weights(run: Run, path: Path) -> None:
    """Write a run's net as safetensors: weights, description and how far it was trained.

    Raises:
        InputError: As `read_model`.
    """
    state, info = read_model(run)
    content = checkpoint.load(run.checkpoint)
    description = {
        "model": info.to_dict(),
        "epoch": content.get("epoch"),
        "global_step": content.get("global_step"),
        "lightning": content.get("pytorch-lightning_version"),
    }
    weights.write(path, state, description)


def _class_name(config: Mapping[str, Any], run: Run) -> str:
    """Name of the class of the run's net, one of `NET_CLASSES`."""
    model = config.get("model")
    path = str(model.get("class_path")) if isinstance(model, dict) else "no class"
    name = bundled_name(path)
    if name is None:
        raise InputError(
            f"run {run.folder} has a net of {path}, but only LitCNN and LitMLP are loaded by name: "
            "load another class in Python with its load_from_checkpoint"
        )
    return name


def _split(data: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """The settings in a config that decide which digits were trained on."""
    split = {key: data[key] for key in SPLIT if key in data}
    for key, value in split.items():
        if type(value) is not (str if key == "dataset" else int):
            raise InputError(f"{run.config_file}: data.{key} is {str(value)[:40]!r}, not plain")
    return split


def _class_names(config: Mapping[str, Any], run: Run) -> tuple[str, ...]:
    """Names of the classes of the run's dataset."""
    data = config.get("data")
    dataset = data.get("dataset") if isinstance(data, dict) else None
    if not isinstance(dataset, str) or dataset not in DATASETS:
        raise InputError(
            f"{run.config_file} names the unknown dataset {dataset!r}, expected one of "
            f"{', '.join(DATASETS)}"
        )
    return tuple(DATASETS[dataset].classes)
