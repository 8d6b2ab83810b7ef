"""Flat settings of a config, to find runs of the same config."""

import re
from collections.abc import Sequence
from typing import Any

from deepdigits.runs.data_module import short_form
from deepdigits.runs.trust import bundled_name

# Keys that may differ between runs of one config: seed, fold, folders, display, threads; and files
# whose content has a sum in the config.
_IGNORED = re.compile(
    r"(seed_everything|ckpt_path|init_from|weights_only|peer_timeout|num_threads|logger|dashboard"
    r"|trainer\.(logger|default_root_dir|enable_progress_bar|enable_model_summary)"
    r"|data\.(init_args\.)?(data_dir|seed|fold|exclude|relabel)|checkpoint\.(dirpath|verbose)|early_stopping\.verbose)(\..*)?"
)

_SUMS = ("data.edits_sha256", "data.init_args.edits_sha256")
# Settings that are newer than some run folders, and their default: a run without one had it. Those
# with the default null are not saved. `crop` is an argument of LitCNN alone.
_ADDED = {
    "data.framing": "auto",
    "data.skip_damaged": False,
    "model.crop": 0,
    "model.freeze": "none",
}


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
        if _IGNORED.fullmatch(name):
            continue
        if name in ("data", "model") and isinstance(value, dict):
            value = _without_added_defaults(name, value)
        if name == "init_sha256":
            flat["init_from"] = value and str(value)[:12]
            continue
        if name in _SUMS:
            value = value and str(value)[:12]
        flat.update(settings(value, f"{name}.") if isinstance(value, dict) else {name: value})
    return flat


def _without_added_defaults(section: str, content: dict[str, Any]) -> dict[str, Any]:
    """A section as a run of an earlier version has it."""
    given = content.get("init_args")
    values = given if isinstance(given, dict) else content
    added = {
        name.partition(".")[2]: default
        for name, default in _ADDED.items()
        if name.startswith(f"{section}.")
    }
    if bundled_name(content.get("class_path")) != "LitCNN":
        added.pop("crop", None)
    kept = {
        key: value
        for key, value in values.items()
        if key not in added or type(value) is not type(added[key]) or value != added[key]
    }
    return {**content, "init_args": kept} if values is given else kept


def differences(several: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Settings that differ: name -> the value in each config, None if not set.

    >>> differences([{"lr": 0.1, "width": 8}, {"lr": 0.2, "width": 8}])
    {'lr': [0.1, 0.2]}
    """
    names = dict.fromkeys(name for one in several for name in one)
    rows = {name: [one.get(name) for one in several] for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}
