"""A trained net, ready to use, by the name of its run or of a list_models one."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdigits.core.errors import InputError, one_line
from deepdigits.data.registry import DATASETS
from deepdigits.inference.reader import DigitReader
from deepdigits.models import CNN, MLP
from deepdigits.runs import bundled as pretrained
from deepdigits.runs import checkpoint
from deepdigits.runs.report import read_report
from deepdigits.runs.resolve import LOGS, resolve_run
from deepdigits.runs.run import Run

# All that a file may name. Without Lightning's face of it, a net is there in half the time.
NETS: Mapping[str, type[nn.Module]] = {"LitCNN": CNN, "LitMLP": MLP}
SPLIT = ("dataset", "val_size", "split_seed")  # what tells which digits the net has learnt from
MODEL_MODULES = (
    "deepdigits",
    "deepdigits.training.classifier",
)  # the modules that a config finds them in


def load(name: str = "cnn", logs: Path = Path(LOGS)) -> DigitReader:
    """A trained net, in evaluation mode on the CPU.

    Args:
        name: A net that comes with the package, ``cnn`` or ``mlp``, or a RUN: a run folder, a
            checkpoint in one, or ``latest``.
        logs: Folder of the runs, for ``latest``.

    Raises:
        InputError: There is no such net or run, it has another architecture than those of the
            package, or its files are damaged.

    >>> import torch
    >>> load("cnn")(torch.zeros(3, 28, 28)).shape
    torch.Size([3, 10])
    """
    return build(name, *read(name, logs))


def read(name: str, logs: Path = Path(LOGS)) -> tuple[dict[str, Tensor], dict[str, Any], Path]:
    """The weights of a net that is named as for `load`, its facts, and the file of the weights.

    Raises:
        InputError: As `load`, but for weights that do not fit.
    """
    if name in pretrained.list_models():
        return *pretrained.read(name), pretrained.path(name)
    run = resolve_run(name, logs)
    return *read_run(run), run.checkpoint


def read_run(run: Run) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of a run's net, and its facts: net, settings, data, class_names, report.

    Raises:
        InputError: The run has no checkpoint, a damaged one, or a net of another class.
    """
    config = run.config
    face = _class_of(config, run)
    content = checkpoint.load(run.checkpoint)
    settings = content.get("hyper_parameters")
    if not isinstance(settings, dict):
        raise InputError(f"checkpoint {run.checkpoint} names no settings of its net: train anew")
    known = inspect.signature(NETS[face]).parameters  # the others are of the training
    state: dict[str, Tensor] = content["state_dict"]
    if strays := [key for key in state if not key.startswith("net.")]:
        raise InputError(
            f"checkpoint {run.checkpoint} is of another net: it has unknown weights {strays[0]} "
            f"({len(strays)} in all)"
        )
    weights = {key[4:]: value for key, value in state.items()}
    facts = {
        "net": face,
        "settings": {key: value for key, value in settings.items() if key in known},
        "data": {key: config["data"][key] for key in SPLIT if key in config["data"]},
        "class_names": _class_names(config, run),
        "report": read_report(run.folder) or {},
    }
    return weights, facts


def build(
    name: str, weights: Mapping[str, Tensor], facts: Mapping[str, Any], path: Path
) -> DigitReader:
    """The net that the facts describe, with the weights.

    Args:
        name: What it is called.
        weights: State of the net.
        facts: As `read_run` has them.
        path: Where the weights come from, for errors.

    Raises:
        InputError: The weights do not fit the facts, or a fact is missing.
    """
    try:
        if not weights:
            raise InputError(f"{path} is of another net: it has no weights")
        if any(isinstance(v, list) and len(v) > len(weights) for v in facts["settings"].values()):
            raise ValueError("it would have more layers than there are weights")
        with torch.device("meta"):  # takes no memory, however large a net the settings describe
            sketch = NETS[facts["net"]](**facts["settings"])
        checkpoint.check_fits(weights, sketch, path)
        net = NETS[facts["net"]](**facts["settings"])
        classes = tuple(map(str, facts["class_names"]))
        report = dict(facts["report"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        what = one_line(error, 200)
        raise InputError(f"net {name}: its settings, for {path}, make no net ({what})") from error
    net.load_state_dict(weights)
    return DigitReader(net.eval().requires_grad_(False), name, classes, report)


def _class_of(config: Mapping[str, Any], run: Run) -> str:
    """The class of the run's net, one of ours."""
    model = config.get("model")
    path = str(model.get("class_path")) if isinstance(model, dict) else "no class"
    module, _, name = path.rpartition(".")
    if module not in MODEL_MODULES or name not in NETS:
        raise InputError(
            f"run {run.folder} has a net of {path}, but only LitCNN and LitMLP are loaded by name: "
            "in Python, its own class and load_from_checkpoint do it"
        )
    return name


def _class_names(config: Mapping[str, Any], run: Run) -> list[str]:
    """Those of the run's dataset."""
    data = config.get("data")
    dataset = data.get("dataset") if isinstance(data, dict) else None
    if not isinstance(dataset, str) or dataset not in DATASETS:
        raise InputError(f"{run.config_file} names the dataset {dataset!r}, which is not known")
    return list(DATASETS[dataset].classes)
