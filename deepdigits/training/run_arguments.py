"""Reduce the config of a run folder to what a command takes from it, as one `--config` argument."""

import json
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.files import display_path
from deepdigits.core.launched import launched
from deepdigits.runs import found_config
from deepdigits.runs.links import check_links
from deepdigits.runs.run import Run
from deepdigits.training import chosen_optimizer
from deepdigits.training.config_flags import typed_data, typed_keys, typed_nets
from deepdigits.training.launched_settings import ONE_PROCESS
from deepdigits.training.resume_settings import (
    OPTIONS,
    REPLACED,
    SECTIONS,
    split_options,
    split_section,
)
from deepdigits.training.resumed_loggers import resumed_loggers

# Typed settings of the data, and what they replace besides.
_REPLACED = {"dataset": "dataset_sha256", "exclude": "edits_sha256", "relabel": "edits_sha256"}


def for_evaluation(run: Run, args: Sequence[str]) -> str:
    """The net and the data of a run; trainer settings are not taken from its config.

    Args:
        run: The run.
        args: The other arguments: classes that they name are trusted.

    Raises:
        InputError: The config names another class, or a setting that is not a plain value.
    """
    return f"--config={json.dumps(_net_and_data(run.config, run.folder, args))}"


def for_resume(run: Run, args: Sequence[str]) -> str:
    """The net, the data and the fixed list of plain settings of a run that is resumed.

    Args:
        run: The run.
        args: The other arguments: classes that they name are trusted.

    Raises:
        InputError: As `for_evaluation`; or the config sets something else that `args` do not set;
            or a link in the run folder leads out of it.
    """
    content, folder = run.config, run.folder
    check_links(folder)  # before its checkpoints are looked for
    known = {*SECTIONS, *OPTIONS, *REPLACED, *chosen_optimizer.OPTIONS, "model", "data"}
    if unknown := sorted(map(str, content.keys() - known)):
        raise found_config.refusal(folder, unknown[0], "is unknown")
    kept = _net_and_data(content, folder, args)
    options, others = split_options(content)
    kept |= options
    for name in SECTIONS:
        section = found_config.section(content, name, folder)
        if name == "trainer" and launched() is not None:  # which decides how many processes
            section = {key: value for key, value in section.items() if key not in ONE_PROCESS}
        kept[name], more = split_section(name, section)
        others |= more
    for name in chosen_optimizer.OPTIONS:
        if (value := content.get(name)) is not None:
            (kept if chosen_optimizer.is_plain(name, value) else others)[name] = value
    logger = content.get("trainer", {}).get("logger")
    if logger is not None and (loggers := resumed_loggers(logger, folder)) is not None:
        others.pop("trainer.logger", None)
        kept["trainer"]["logger"] = loggers
    typed = typed_keys(args)
    for name in ("checkpoint", "early_stopping"):
        if f"{name}.monitor" in typed:  # the mode of the run is that of its own monitor
            kept[name].pop("mode", None)
    for path, value in others.items():
        if typed.isdisjoint((path, path.partition(".")[0])):
            raise InputError(
                f"{folder / 'config.yaml'} sets {path} to {str(value)[:80]}, and only plain "
                f"settings are taken from a run folder: pass --{path} again, or, if you trust this "
                f"file, -c {folder / 'config.yaml'}"
            )
    return f"--config={json.dumps(kept)}"


def _net_and_data(content: Mapping[str, Any], folder: Path, args: Sequence[str]) -> dict[str, Any]:
    keys, typed = typed_keys(args), typed_data(args)
    untyped = {name: _untyped_settings(content.get(name), name, keys) for name in ("model", "data")}
    untyped = {name: value for name, value in untyped.items() if value is not None}
    if isinstance(untyped.get("data"), Mapping):
        untyped["data"] = _without_replaced(untyped["data"], keys)
    kept = {"model": found_config.model_settings(untyped, folder, typed_nets(args))}
    data = found_config.section(content, "data", folder)
    if not typed or data.get("class_path") in typed:
        kept["data"] = found_config.data_settings(untyped, folder, typed)
        given, taken = (one.get("init_args", one) for one in (data, kept["data"]))
        left_out = given.get("data_dir") is not None and "data_dir" not in taken
        if left_out and keys.isdisjoint(("data.data_dir", "data.init_args.data_dir")):
            say(
                f"note: data.data_dir of {display_path(folder / 'config.yaml')} is not used, since "
                "it is outside of the run; to use it, pass --data.data_dir",
                error=True,
            )
    return kept


def _without_replaced(data: Mapping[str, Any], typed: Set[str]) -> dict[str, Any]:
    """The section ``data`` without typed files, and without what belongs to them."""
    names = ("data", "data.init_args")
    gone = {key for key in _REPLACED if not typed.isdisjoint(f"{name}.{key}" for name in names)}
    gone |= {_REPLACED[key] for key in gone}
    kept = {key: value for key, value in data.items() if key not in gone}
    if isinstance(settings := kept.get("init_args"), Mapping):
        kept["init_args"] = {key: value for key, value in settings.items() if key not in gone}
    return kept


def _untyped_settings(section: Any, name: str, typed: Set[str]) -> Any:
    """A section of a config that names a class, without the settings that are typed again."""
    settings = section.get("init_args") if isinstance(section, Mapping) else None
    if not isinstance(settings, Mapping):
        return section
    kept = {
        key: value
        for key, value in settings.items()
        if typed.isdisjoint((f"{name}.{key}", f"{name}.init_args.{key}"))
    }
    return {**section, "init_args": kept}
