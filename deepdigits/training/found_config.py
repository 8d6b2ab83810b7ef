"""Reduce the config of a run folder to what a command takes from it, as one `--config` argument."""

import inspect
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.files import display_path
from deepdigits.core.plain_values import fits, parameters
from deepdigits.runs import found_config
from deepdigits.runs.links import check_links
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.dashboard import Dashboard
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint
from deepdigits.training.config_flags import typed_keys, typed_nets
from deepdigits.training.options import DEFAULTS

# What a resumed training takes from the config of its run, besides net and data: plain values that
# name no class and no file. Whatever else it sets must be typed again.
_SECTIONS: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "trainer": (
        Trainer,
        (
            *("accelerator", "strategy", "devices", "num_nodes", "precision", "sync_batchnorm"),
            *("max_epochs", "min_epochs", "max_steps", "min_steps", "max_time"),
            *("limit_train_batches", "limit_val_batches", "limit_test_batches"),
            *("limit_predict_batches", "overfit_batches", "num_sanity_val_steps"),
            *("val_check_interval", "check_val_every_n_epoch", "log_every_n_steps"),
            *("enable_checkpointing", "enable_progress_bar", "enable_model_summary"),
            *("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
            *("deterministic", "benchmark", "inference_mode", "use_distributed_sampler"),
            *("detect_anomaly", "reload_dataloaders_every_n_epochs", "enable_autolog_hparams"),
        ),
    ),
    "checkpoint": (
        ModelCheckpoint,
        (
            *("filename", "monitor", "mode", "verbose", "save_last", "save_top_k"),
            *("save_on_exception", "save_weights_only", "auto_insert_metric_name"),
            *("every_n_train_steps", "every_n_epochs", "save_on_train_epoch_end"),
            "enable_version_counter",
        ),
    ),
    "early_stopping": (
        EarlyStopping,
        (
            *("monitor", "mode", "min_delta", "patience", "verbose", "strict", "check_finite"),
            *("stopping_threshold", "divergence_threshold", "check_on_train_epoch_end"),
            "log_rank_zero_only",
        ),
    ),
    "last_checkpoint": (LastCheckpoint, ("every_n_steps", "every_n_seconds")),
    "dashboard": (Dashboard, ("every_n_epochs",)),
    "logger": (
        TensorBoardLogger,
        ("log_graph", "default_hp_metric", "prefix", "max_queue", "flush_secs"),
    ),
}
_OF_WRITER = {"max_queue": int, "flush_secs": int}  # arguments that the logger hands on
_OPTIONS: Mapping[str, Any] = {  # of no section
    "seed_everything": bool | int,
    "ema_decay": float | None,
    "num_threads": int | None,
    "peer_timeout": int | float,
}
# Set by --resume itself, or of another command.
_REPLACED = ("ckpt_path", "weights_only", "logger.save_dir", "logger.name", "logger.version")
_WORD = re.compile(r"[\w.,:+-]*")  # of `strategy` and others that Lightning could take for a class
# A file name with metrics in it, such as {epoch}-{val/accuracy:.3f}.
_FILE_NAME = re.compile(r"([\w=.-]|\{[\w/]+(:\.?\d?\d?[df]?)?\})+")


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
    check_links(folder)
    known = {*_SECTIONS, *_OPTIONS, *_REPLACED, "model", "data"}
    if unknown := sorted(map(str, content.keys() - known)):
        raise found_config.refusal(folder, unknown[0], "is unknown")
    kept = _net_and_data(content, folder, args)
    typed = typed_keys(args)
    for name in _SECTIONS:
        settings = found_config.section(content, name, folder)
        kept[name] = _plain_settings(name, settings, folder, typed)
    for name, kind in _OPTIONS.items():
        value = content.get(name)
        many = name == "num_threads" and type(value) is int and value > (os.cpu_count() or 1)
        if name in content and fits(value, kind) and not many:
            kept[name] = value
        elif name in content and name not in typed:
            raise _must_be_typed(folder, name, value)
    return f"--config={json.dumps(kept)}"


def _net_and_data(content: Mapping[str, Any], folder: Path, args: Sequence[str]) -> dict[str, Any]:
    kept = {
        "model": found_config.model_settings(content, folder, typed_nets(args)),
        "data": found_config.data_settings(content, folder),
    }
    data_dir = content.get("data", {}).get("data_dir")
    if data_dir is not None and "data.data_dir" not in typed_keys(args):
        say(
            f"note: data.data_dir of {display_path(folder / 'config.yaml')} is not used, since it "
            "is outside of the run; to use it, pass --data.data_dir",
            error=True,
        )
    return kept


def _plain_settings(
    name: str, settings: Mapping[str, Any], folder: Path, typed: set[str]
) -> dict[str, Any]:
    """The settings of a section that are on the list.

    Raises:
        InputError: One of them is not plain; or one that is not on the list is set, and not typed.
    """
    owner, keys = _SECTIONS[name]
    kinds = parameters(owner) | (_OF_WRITER if name == "logger" else {})
    kept = {}
    for key, value in settings.items():
        path, is_listed = f"{name}.{key}", key in keys
        if is_listed and _is_plain(path, value, kinds[key]):
            kept[key] = value
            continue
        does_nothing = path in _REPLACED or (not is_listed and _is_default(path, value, owner))
        if not does_nothing and typed.isdisjoint((path, name)):
            raise _must_be_typed(folder, path, value)
    return kept


def _is_plain(path: str, value: Any, kind: Any) -> bool:
    """Whether a setting is a plain value that names no class and no file, and is not too large."""
    if path in ("trainer.devices", "trainer.num_nodes"):
        return _starts_few_processes(path, value)
    if isinstance(value, str) and path == "checkpoint.filename":
        return _FILE_NAME.fullmatch(value) is not None and ".." not in value
    if isinstance(value, str) and path.startswith("trainer."):
        # Classes are upper-case or dotted; names such as ddp_spawn and bf16-mixed are neither.
        return _WORD.fullmatch(value) is not None and value == value.lower() and "." not in value
    return fits(value, kind)


def _starts_few_processes(path: str, value: Any) -> bool:
    """Whether a setting starts no more processes than this machine has devices."""
    if path == "trainer.num_nodes":
        return type(value) is int and value == 1
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        value = int(value)
    if type(value) is int:
        return value <= max(os.cpu_count() or 1, torch.cuda.device_count())
    return value == "auto" or fits(value, list[int])  # numbers of devices must exist


def _is_default(path: str, value: Any, owner: type) -> bool:
    """Whether a setting does nothing: it is empty, or the default."""
    name = path.rpartition(".")[2]
    parameter = inspect.signature(owner).parameters.get(name)
    defaults = [DEFAULTS.get(path), *([parameter.default] if parameter else [])]
    return value in (None, False, "", [], {}) or value in defaults


def _must_be_typed(folder: Path, path: str, value: Any) -> InputError:
    config_file = folder / "config.yaml"
    return InputError(
        f"{config_file} sets {path} to {str(value)[:80]}, and only plain settings are taken from a "
        f"run folder: pass --{path} again, or, if you trust this file, -c {config_file}"
    )
