"""The plain net of a run: read its weights and description, build it, write it as safetensors."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdigits.core.errors import InputError, one_line
from deepdigits.models import CNN, MLP
from deepdigits.runs import checkpoint, config, weights
from deepdigits.runs.class_names import names_in_report, number_of_logits
from deepdigits.runs.data_module import dataset_classes, digits_settings
from deepdigits.runs.dataset_record import read_record
from deepdigits.runs.finished import is_of_other_weights
from deepdigits.runs.model_info import ModelInfo
from deepdigits.runs.report import read_report
from deepdigits.runs.run import Run
from deepdigits.runs.shift_confidence import read_confidence
from deepdigits.runs.trust import bundled_name

# The bundled classes. Without their LightningModules, which import Lightning, a net is loaded in
# half the time.
NET_CLASSES: Mapping[str, type[nn.Module]] = {"LitCNN": CNN, "LitMLP": MLP}
SPLIT = ("dataset", "val_size", "split_seed")  # these settings decide which digits were trained on
State = dict[str, Tensor]


def read_model(run: Run) -> tuple[State, ModelInfo]:
    """The weights of a run's checkpoint, under the names of the plain net, and its description.

    The description has ``shift_tta`` as it was chosen on validation digits, if it was: see
    `deepdigits.runs.shift_confidence`.

    Raises:
        InputError: The run has no checkpoint, a damaged one, or a net whose class is not trusted.
    """
    run_config, path = run.config, run.checkpoint
    data, class_names = _split(run_config.get("data"), run), dataset_classes(run_config, run.folder)
    model = run_config.get("model")
    name = bundled_name(model.get("class_path") if isinstance(model, dict) else None)
    if name is not None:
        state, settings = _bundled_parts(name, run)
    else:
        from deepdigits.runs.own_nets import parts  # imports Lightning, as the class does

        name, state, settings = parts(run_config, run.folder, path)
    if settings.get("shift_tta") is True and name in NET_CLASSES:
        confidence = read_confidence(run.folder, path)
        settings["shift_tta"] = True if confidence is None else confidence
    report = read_report(run.folder) or {}
    if class_names is None:
        number = number_of_logits(
            build_model(state, ModelInfo(name, settings, data, ()), path), path
        )
        class_names = names_in_report(report, number)
    report = {} if is_of_other_weights(path, report) else report
    return state, ModelInfo(name, settings, data, class_names, report)


def build_model(state: Mapping[str, Tensor], info: ModelInfo, path: Path) -> nn.Module:
    """The net of a description with the given weights, in evaluation mode on the CPU.

    Args:
        state: The weights, under the names of the plain net.
        info: The description.
        path: The file of the weights, for errors.

    Raises:
        InputError: The class is not trusted, the settings are invalid, or the weights do not fit
            them.
    """
    name = bundled_name(info.net)
    if name is None:
        from deepdigits.runs.own_nets import build_net

        net = build_net(info.net, info.settings, state, path, _source_folder(path))
        number = number_of_logits(net, path)
        if info.class_names and number != len(info.class_names):
            raise InputError(
                f"the net {info.net} of {path} gives {number} logits, but its dataset has "
                f"{len(info.class_names)} classes: train a net with one logit per class"
            )
        return net
    try:
        if not state:
            raise InputError(f"{path} is of another net: it has no weights")
        if any(isinstance(v, list) and len(v) > len(state) for v in info.settings.values()):
            raise ValueError("it would have more layers than there are weights")
        with torch.device("meta"):  # takes no memory, however large a net the settings describe
            sketch = NET_CLASSES[name](**info.settings)
        checkpoint.check_fits(state, sketch, path)
        net = NET_CLASSES[name](**info.settings)
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
    whole = all(name in content["state_dict"] for name in state)  # also weights beside the net's
    description = {
        "model": info.to_dict(),
        "prefix": "" if whole else "net.",
        "epoch": content.get("epoch"),
        "global_step": content.get("global_step"),
        "lightning": content.get("pytorch-lightning_version"),
    }
    weights.write(path, state, description)


def _bundled_parts(net: str, run: Run) -> tuple[State, dict[str, Any]]:
    """The weights and the settings of a bundled net in a checkpoint, as of its plain net."""
    path = run.checkpoint
    content = checkpoint.load(path)
    settings = content.get("hyper_parameters")
    if not isinstance(settings, dict):
        raise InputError(
            f"checkpoint {path} has no hyper_parameters, which hold the settings of its net: train "
            "anew"
        )
    config.check_setting_names(settings, path)
    state: State = content["state_dict"]
    if unknown := [key for key in state if not key.startswith("net.")]:
        raise InputError(
            f"checkpoint {path} is of another net: it has unknown weights {unknown[0]} "
            f"({len(unknown)} in all)"
        )
    known = inspect.signature(NET_CLASSES[net]).parameters  # the other settings are of the training
    plain = {key.removeprefix("net."): value for key, value in state.items()}
    return plain, {key: value for key, value in settings.items() if key in known}


def _split(data: Any, run: Run) -> dict[str, Any]:
    """The settings in a config that decide which digits were trained on; none of other data."""
    settings = digits_settings(data, run.folder) or {}
    if read_record(run.folder, settings.get("dataset")) is not None:
        return {}  # a path, which is not read for a run
    split = {key: settings[key] for key in SPLIT if key in settings}
    for key, value in split.items():
        if type(value) is not (str if key == "dataset" else int):
            raise InputError(f"{run.config_file}: data.{key} is {str(value)[:40]!r}, not plain")
    return split


def _source_folder(path: Path) -> Path:
    """The folder that a file of weights came with, whose modules are not trusted.

    It is the run folder of a checkpoint. Of a lone file it is the folder of the file, unless that
    is the working directory, which is the user's own.
    """
    run = Run.of_checkpoint(path)
    is_here = run.folder.resolve() == Path.cwd().resolve()
    return path if is_here and not run.config_file.is_file() else run.folder
