"""Flat settings of a config, to find runs of the same config."""

import re
from collections.abc import Sequence
from typing import Any

from deepdigits.runs.data_module import short_form

# Keys that may differ between runs of one config: seed, fold, folders, display, threads.
_IGNORED = re.compile(
    r"(seed_everything|ckpt_path|init_from|weights_only|peer_timeout|num_threads|logger|dashboard"
    r"|trainer\.(logger|default_root_dir|enable_progress_bar|enable_model_summary)"
    r"|data\.(init_args\.)?(data_dir|seed|fold)|checkpoint\.(dirpath|verbose)|early_stopping\.verbose)(\..*)?"
)

# Settings that are newer than some run folders, and whose default is saved: without them a run had
# the default. Those with the default null are not saved.
_ADDED = {"skip_damaged": False}


def settings(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A config as flat settings, without seed, folders and display options.

    >>> settings({"seed_everything": 3, "data": {"batch_size": 64, "data_dir": None}})
    {'data.batch_size': 64}
    >>> settings({"data": {"class_path": "my.Data", "init_args": {"seed": 3, "size": 9}}})
    {'data.class_path': 'my.Data', 'data.init_args.size': 9}
    >>> settings({"data": {"skip_damaged": False}})  # as a run of an earlier version
    {}
    >>> settings({"init_from": "cnn", "init_sha256": "0123456789abcdef"})  # whatever its path is
    {'init_from': '0123456789ab'}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        value = short_form(value) if name == "data" else value
        if _IGNORED.fullmatch(name) or _is_added_default(name, value):
            continue
        if name == "init_sha256":
            flat["init_from"] = value and str(value)[:12]
            continue
        flat.update(settings(value, f"{name}.") if isinstance(value, dict) else {name: value})
    return flat


def _is_added_default(name: str, value: Any) -> bool:
    section, _, key = name.rpartition(".")
    return section in ("data", "data.init_args") and key in _ADDED and value is _ADDED[key]


def differences(several: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Settings that differ: name -> the value in each config, None if not set.

    >>> differences([{"lr": 0.1, "width": 8}, {"lr": 0.2, "width": 8}])
    {'lr': [0.1, 0.2]}
    """
    names = dict.fromkeys(name for one in several for name in one)
    rows = {name: [one.get(name) for one in several] for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}
