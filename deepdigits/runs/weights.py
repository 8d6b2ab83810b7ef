"""Weights of a net as safetensors: its own names, and a description as JSON in the metadata."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.core.files import atomic_path
from deepdigits.core.version import __version__

FORMAT = 1  # of the description; raised by a change that earlier versions would misread
KEY = "deepdigits"  # of the description in the metadata
SUFFIX = ".safetensors"


def write(path: Path, state: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write weights and their description, whole or not at all.

    Args:
        path: The target.
        state: State of the plain net: its own names, without ``net.``.
        description: Plain values: ``model`` (a ModelInfo as a mapping), ``epoch``, ``global_step``
            and ``lightning`` (its version), and ``prefix`` of the names in a checkpoint: ``net.``,
            or nothing if the weights are those of a whole LightningModule.
    """
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    stamp = {"format": FORMAT, "version": __version__, "sha256": _sum(state)}
    content = save(state, {KEY: json.dumps({**stamp, **description})})
    with atomic_path(path) as part:
        part.write_bytes(content)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights, on the CPU, and their description.

    Raises:
        InputError: The file is missing, damaged, not written by `write`, or of a later version.
    """
    damaged = f"{path} is damaged or was not written by deepdigits"
    try:
        # Read at once, not mapped into memory: the file may be replaced while it is in use.
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    try:
        state = load(content)
        length = int.from_bytes(content[:8], "little")
        description = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][KEY])
        if description["format"] not in range(1, FORMAT + 1):
            raise InputError(
                f"{path} is of format {description['format']!r}, written by deepdigits "
                f"{description.get('version')!r}; this one, {__version__}, reads up to "
                f"format {FORMAT}: install the later version"
            )
        if description.get("sha256", total := _sum(state)) != total:
            raise InputError(f"{path} is damaged: the checksum of its weights is wrong")
        if not isinstance(description["model"]["settings"], dict):
            raise TypeError
    except InputError:
        raise
    except Exception as error:  # what a damaged file may raise is not documented
        raise InputError(f"{damaged} ({type(error).__name__})") from error
    result: dict[str, Any] = description
    return state, result


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The file in the form of a Lightning checkpoint; errors as for `read`."""
    state, description = read(path)
    prefix = "" if description.get("prefix") == "" else "net."
    return {
        "state_dict": {f"{prefix}{name}": tensor for name, tensor in state.items()},
        "hyper_parameters": description["model"]["settings"],
        "pytorch-lightning_version": str(description.get("lightning")),
        "epoch": description.get("epoch"),
        "global_step": description.get("global_step"),
        KEY: {name: description.get(name) for name in ("format", "version")},
    }


def _sum(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of names and values: the format itself has no checksum."""
    digest = sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
