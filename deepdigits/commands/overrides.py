"""Configs and overrides of a Python call, as command-line arguments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdigits.core.errors import InputError

Config = str | Path | Mapping[str, Any]
Overrides = Sequence[str] | Mapping[str, Any]


def config_arguments(config: Config | Sequence[Config]) -> list[str]:
    """One config, or several to be stacked, as `--config` arguments.

    >>> config_arguments(["configs/mlp.yaml", {"trainer": {"max_epochs": 1}}])
    ['--config=configs/mlp.yaml', '--config={"trainer": {"max_epochs": 1}}']
    """
    several = [config] if isinstance(config, str | Path | Mapping) else config
    texts = (_json(one) if isinstance(one, Mapping) else one for one in several)
    return [f"--config={text}" for text in texts]


def override_arguments(overrides: Overrides) -> list[str]:
    """Overrides as arguments: words stay as they are, a mapping becomes `--key=value`.

    >>> override_arguments({"trainer.max_epochs": 1, "data": {"data_dir": None}})
    ['--trainer.max_epochs=1', '--data.data_dir=null']
    """
    if isinstance(overrides, str):
        raise TypeError(f"overrides is {overrides!r}, expected a list of words or a mapping")
    if not isinstance(overrides, Mapping):
        return [str(word) for word in overrides]
    return [f"--{key}={_text(value)}" for key, value in _flat(overrides)]


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | Path) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    """A path or a number of numpy as JSON knows it."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    raise InputError(f"a setting is {value!r}, expected plain values, lists and mappings")
