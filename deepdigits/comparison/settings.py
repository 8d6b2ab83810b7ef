"""The settings of a config, flat, to tell configs from repetitions of one."""

import re
from collections.abc import Sequence
from typing import Any

# What sets no run apart from its repetition: the seed, where files go, what is shown.
_NO_SETTING = re.compile(
    r"(seed_everything|ckpt_path|weights_only|logger|dashboard"
    r"|trainer\.(logger|default_root_dir|enable_progress_bar|enable_model_summary)"
    r"|data\.(data_dir|seed)|checkpoint\.(dirpath|verbose)|early_stopping\.verbose)(\..*)?"
)


def settings(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A config as flat settings, without the seed, folders and what is only shown.

    >>> settings({"seed_everything": 3, "data": {"batch_size": 64, "data_dir": None}})
    {'data.batch_size': 64}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if _NO_SETTING.fullmatch(name):
            continue
        flat.update(settings(value, f"{name}.") if isinstance(value, dict) else {name: value})
    return flat


def differences(several: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Settings that are not the same in all: name -> the value in each, None where it has none.

    >>> differences([{"lr": 0.1, "width": 8}, {"lr": 0.2, "width": 8}])
    {'lr': [0.1, 0.2]}
    """
    names = dict.fromkeys(name for one in several for name in one)
    rows = {name: [one.get(name) for one in several] for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}
