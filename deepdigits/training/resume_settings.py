"""The plain settings that a resumed training takes from the config of its run."""

import inspect
import re
from collections.abc import Mapping
from typing import Any, Literal

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from deepdigits.core.console import say
from deepdigits.core.environment import available_cores
from deepdigits.core.plain_values import fits
from deepdigits.core.signatures import parameters
from deepdigits.training.callbacks.dashboard import Dashboard
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint
from deepdigits.training.options import DEFAULTS, MatmulPrecision

# Besides net and data: plain values that name no class and no file.
SECTIONS: Mapping[str, tuple[type, tuple[str, ...]]] = {
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
# Arguments that TensorBoardLogger hands on.
OF_WRITER = {"comment": str, "max_queue": int, "flush_secs": int, "filename_suffix": str}
OPTIONS: Mapping[str, Any] = {  # of no section
    "seed_everything": bool | int,
    "ema_decay": float | None,
    "num_threads": int | None,
    "matmul_precision": MatmulPrecision | None,
    "mixed_precision": Literal["auto"] | None,
    "peer_timeout": int | float,
}
# Set by --resume itself, or of another command.
REPLACED = (
    *("ckpt_path", "weights_only", "trainer.default_root_dir", "init_from", "init_sha256"),
    *("logger.save_dir", "logger.name", "logger.version"),
)
_LARGEST_MACHINE = 4096  # cores
_WORD = re.compile(r"[\w.,:+-]*")  # of `strategy` and others that Lightning could take for a class
# A file name with metrics in it, such as {epoch}-{val/accuracy:.3f}.
_FILE_NAME = re.compile(r"([\w=.-]|\{[\w/]+(:\.?\d?\d?[df]?)?\})+")


def split_section(name: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a section of a config into the settings to take and those that must be typed again.

    Args:
        name: A key of `SECTIONS`.
        settings: Its content.

    Returns:
        The plain settings, by key; and those that are not, by dotted key. Settings that do nothing
        are in neither.
    """
    owner, keys = SECTIONS[name]
    kinds = parameters(owner) | (OF_WRITER if name == "logger" else {})
    plain, others = {}, {}
    for key, value in settings.items():
        path = f"{name}.{key}"
        if key in keys and _is_plain(path, value, kinds[key]):
            plain[key] = value
        elif key in keys or not (path in REPLACED or _is_default(path, value, owner)):
            others[path] = value
    return plain, others


def split_options(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """As `split_section`, for the options of no section."""
    given = {name: content[name] for name in OPTIONS if name in content}
    threads, cores = given.get("num_threads"), available_cores()
    if type(threads) is int and cores < threads <= _LARGEST_MACHINE:
        say(f"note: the run had {threads} threads, and this machine has {cores} cores", error=True)
        del given["num_threads"]
    plain = {name: value for name, value in given.items() if _is_plain(name, value, OPTIONS[name])}
    return plain, {name: value for name, value in given.items() if name not in plain}


def _is_plain(path: str, value: Any, kind: Any) -> bool:
    """Whether a setting is a plain value that names no class and no file, and is not too large."""
    if path in ("trainer.devices", "trainer.num_nodes"):
        return _starts_few_processes(path, value)
    if path == "num_threads" and type(value) is int and value > available_cores():
        return False
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
        return value <= max(available_cores(), torch.cuda.device_count())
    return value == "auto" or fits(value, list[int])  # numbers of devices must exist


def _is_default(path: str, value: Any, owner: type) -> bool:
    """Whether a setting does nothing: it is empty, or the default."""
    name = path.rpartition(".")[2]
    parameter = inspect.signature(owner).parameters.get(name)
    defaults = [DEFAULTS.get(path), *([parameter.default] if parameter else [])]
    return value in (None, False, "", [], {}) or value in defaults
