"""Nets that come with the package: weights as NAME.safetensors, and what they are as NAME.json.

python -m deepdigits.runs.bundled RUN NAME        ships the net of a run under a name
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from deepdigits.core.errors import InputError

FOLDER = Path(__file__).parents[1] / "pretrained"


def list_models(folder: Path = FOLDER) -> list[str]:
    """The names of the nets that are there."""
    return sorted(file.stem for file in folder.glob("*.safetensors"))


def path(name: str, folder: Path = FOLDER) -> Path:
    """The file of a net's weights; its facts lie beside it."""
    return folder / f"{name}.safetensors"


def read(name: str, folder: Path = FOLDER) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of a list_models net, and its facts: net, settings, data, class_names, report.

    Raises:
        InputError: There is no such net, or its files are damaged.
    """
    file = path(name, folder)
    try:
        # In one go, not mapped into memory: the file may be replaced while it is in use.
        weights = load(file.read_bytes())
        facts = json.loads(file.with_suffix(".json").read_text())
    except (OSError, ValueError, SafetensorError) as error:
        what = " ".join(str(error).split())
        raise InputError(f"net {name} cannot be read ({what}): install the package anew") from error
    if not isinstance(facts, dict):
        raise InputError(f"net {name} is damaged: {name}.json is no JSON object")
    return weights, facts


def write(
    name: str, weights: Mapping[str, Tensor], facts: Mapping[str, Any], folder: Path = FOLDER
) -> Path:
    """Write weights and facts under a name; each file whole or not at all.

    Returns:
        The file of the weights.
    """
    target = path(name, folder)
    content = save({key: value.contiguous() for key, value in weights.items()})
    facts_text = json.dumps(facts, indent=2) + "\n"
    for file, data in ((target, content), (target.with_suffix(".json"), facts_text.encode())):
        part = file.with_name(f"{file.name}.part")
        part.write_bytes(data)
        part.replace(file)
    return target
