"""A net that comes with the package as a run folder, so that all that takes RUN takes its name."""

import json
from pathlib import Path

import yaml

from deepdigits.core.locks import locked
from deepdigits.data.sources import OTHER_FOLDER, default_data_dir
from deepdigits.runs import bundled as pretrained
from deepdigits.runs import checkpoint
from deepdigits.runs.report import FACTS, TRAINING


def unpack(name: str) -> Path:
    """Write config.yaml and checkpoint of a list_models net into the data folder, anew each time.

    Returns:
        The run folder, ``pretrained/NAME`` in `deepdigits.data.sources.default_data_dir`.

    Raises:
        InputError: There is no such net, or the data folder cannot be written.
        RunFailed: The checkpoint cannot be written.
    """
    weights, facts = pretrained.read(name)
    folder = default_data_dir() / "pretrained" / name
    settings = {key: value for key, value in facts["settings"].items() if key != "num_classes"}
    model = {"class_path": f"deepdigits.{facts['net']}", "init_args": settings}
    content = {
        "state_dict": {f"net.{key}": value for key, value in weights.items()},
        "hyper_parameters": facts["settings"],
        "pytorch-lightning_version": facts["report"]["versions"]["lightning"],
        "epoch": facts["report"]["epochs"],
        "global_step": facts["report"]["steps"],
    }
    facts_of_training = {key: facts["report"][key] for key in FACTS}
    with locked(folder, OTHER_FOLDER):  # several processes may ask for it at once
        checkpoint.save(content, folder / "checkpoints" / "best.ckpt")
        _put(folder / TRAINING, json.dumps(facts_of_training, indent=2))
        _put(folder / "config.yaml", yaml.safe_dump({"model": model, "data": facts["data"]}))
    return folder


def _put(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.replace(path)
