"""Settle a parsed config: the values that follow from other settings or from the machine."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.precision import native_bf16
from deepdigits.data.edit_files import read_edits
from deepdigits.data.edit_names import KINDS, copy_name
from deepdigits.data.paths.location import absolute_path, is_path
from deepdigits.runs.data_module import names_class, short_form
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.monitored import COUNTERS
from deepdigits.training.config_flags import has_flag, typed_keys
from deepdigits.training.folder_lock import logger_settings
from deepdigits.training.options import DEFAULTS, MatmulPrecision, Stage
from deepdigits.training.strategy import check_strategy
from deepdigits.training.validation import (
    is_measured,
    is_of_training,
    is_of_validation,
    is_validated,
    settings_of_digits,
)
from deepdigits.training.value_limits import is_time

# Lightning's own default: a name for each of several checkpoints.
_say = rank_zero_only(say)  # each process of a run settles its config
_OF_SEVERAL = "{epoch}-{step}"
_BETWEEN = ("every_n_train_steps", "train_time_interval")


def settle(config: Any, stage: Stage, resumed: Path | None, args: Sequence[str]) -> None:
    """Set the values that depend on others, and refuse missing devices.

    Args:
        config: The parsed config, which is changed.
        stage: The Trainer method.
        resumed: The folder of the run that a training continues; None: it is new.
        args: The arguments that were parsed.

    Raises:
        InputError: The config asks for a device that is missing, or for a wrong strategy.
    """
    _settle_seed(config, args)
    _settle_dataset(config)
    _settle_edits(config, is_new=stage == "fit" and resumed is None)
    _check_devices(config.trainer.accelerator, config.trainer.devices)
    check_strategy(config.trainer.strategy)
    for group in (config.checkpoint, config.early_stopping):
        if group.mode == "auto":
            group.mode = "min" if str(group.monitor).endswith("loss") else "max"
    if not is_validated(config):
        config.trainer.limit_val_batches = 0
    _settle_checkpoint(config.checkpoint, config)
    _settle_early_stopping(config)
    if stage == "fit":
        _settle_precision(config)
        _settle_logger(config, resumed)


def _settle_seed(config: Any, args: Sequence[str]) -> None:
    """Hand the seed, now a number also where it was `true`, to the data module.

    A DigitsDataModule takes it unless its own is a flag; a data module of another kind takes it
    unless its own is a flag or in a config.
    """
    seed = int(config.seed_everything)
    if not names_class(config.data.as_dict()):
        config.data.seed = seed
        return
    names = {"data.seed", "data.init_args.seed"}
    is_digits = settings_of_digits(config) is not None
    typed = any(has_flag(args, one) for one in names) if is_digits else names & typed_keys(args)
    if not typed and "seed" in config.data.get("init_args", {}):
        config.data.init_args.seed = seed


def _settle_dataset(config: Any) -> None:
    """Make the path of a dataset absolute: the saved config runs in any working directory."""
    settings = _dataset_settings(config)
    if settings is not None and is_path(settings["dataset"]):
        settings.dataset = absolute_path(settings["dataset"])


def _settle_edits(config: Any, is_new: bool) -> None:
    """Make the paths of label edits absolute; a new training notes the SHA-256 of the edits."""
    settings = _digits_settings(config)
    if settings is None or "edits_sha256" not in settings:
        return
    for kind in KINDS:
        if settings.get(kind) is not None:
            settings[kind] = absolute_path(settings[kind])
    if is_new or settings.edits_sha256 is None:
        settings.edits_sha256 = read_edits(*map(settings.get, KINDS)).sha256


def forget_copies(config: Any, run: Run) -> None:
    """Name the files again whose copies a resumed run used: its config has their paths."""
    if (settings := _digits_settings(config)) is None:
        return
    if "dataset_sha256" in settings:
        settings.dataset_sha256 = None
    saved = short_form(run.config.get("data", {}))
    saved = saved.get("init_args", saved)
    for kind in KINDS:
        if settings.get(kind) == str(run.folder / copy_name(kind)):
            settings[kind] = saved.get(kind)


def _dataset_settings(config: Any) -> Any:
    """The settings of a DigitsDataModule that name a dataset; None: there are none."""
    settings = _digits_settings(config)
    return settings if settings and isinstance(settings.get("dataset"), str) else None


def _digits_settings(config: Any) -> Any:
    """The settings of a DigitsDataModule, to be changed; None: it is another class."""
    if settings_of_digits(config) is None:
        return None
    return config.data.get("init_args") if names_class(config.data.as_dict()) else config.data


def _settle_precision(config: Any) -> None:
    """Choose the precision for the processor, and say it in one line."""
    if config.mixed_precision is None or config.trainer.precision is not None:
        return
    on_cpu = config.trainer.accelerator == "cpu" or not torch.cuda.is_available()
    if native_bf16(torch.device("cpu" if on_cpu else "cuda")):
        config.trainer.precision = "bf16-mixed"
        _say(
            "precision   bf16-mixed, as the processor computes bfloat16; for 32 bits pass "
            "--trainer.precision 32-true"
        )
    else:
        config.trainer.precision = "32-true"
        _say("precision   32-true, as the processor does not compute bfloat16")


def _settle_checkpoint(group: Any, config: Any) -> None:
    if not is_measured(group.monitor, config):
        group.monitor = None  # the last checkpoint is kept
    often = next((one for one in _BETWEEN if group.get(one)), None)
    if group.save_on_train_epoch_end is None:
        if group.monitor is None or is_of_training(group.monitor) or group.monitor in COUNTERS:
            group.save_on_train_epoch_end = True
        elif often is not None:
            group.save_on_train_epoch_end = False
    if often is not None and is_of_validation(group.monitor):
        _say(
            f"note: checkpoint.monitor {group.monitor} is measured in a validation: a checkpoint "
            f"that is due by checkpoint.{often} is saved after the next validation; for more "
            "validations pass --trainer.val_check_interval N",
            error=True,
        )
    if group.save_top_k not in (0, 1):  # each of several needs a name of its own
        group.enable_version_counter = True
        if group.filename == DEFAULTS["checkpoint.filename"]:
            group.filename = _OF_SEVERAL


def _settle_early_stopping(config: Any) -> None:
    group = config.early_stopping
    if group.check_on_train_epoch_end is None:
        if is_of_training(group.monitor):
            group.check_on_train_epoch_end = True
        elif is_time(config.trainer.val_check_interval):
            # Lightning 2.6.6 compares an interval that such a trainer does not have.
            group.check_on_train_epoch_end = False


def _settle_logger(config: Any, resumed: Path | None) -> None:
    if resumed is not None:
        for key, value in logger_settings(resumed).items():
            setattr(config.logger, key, value)
    if config.logger.name is None:
        class_name = config.model.class_path.rpartition(".")[2]
        config.logger.name = class_name.removeprefix("Lit").lower()


def use_machine(num_threads: int | None, matmul_precision: MatmulPrecision | None) -> None:
    """Set threads and precision of torch, and tell it where there is no GPU."""
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    if matmul_precision is not None:
        torch.set_float32_matmul_precision(matmul_precision)
    if not torch.cuda.is_available():
        # Else Adam of torch 2.14 looks for a driver in each step, which takes 0.4 ms.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _check_devices(accelerator: Any, devices: Any) -> None:
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(
            f"trainer.accelerator is {accelerator}, but torch finds no GPU: pass "
            "--trainer.accelerator cpu (or auto)"
        )
    if isinstance(devices, str) and not re.fullmatch(r"auto|-?\d+|\d+(, *\d+)*,?", devices):
        raise InputError(
            f"trainer.devices is {devices!r}, expected a number, a list such as 0,1 or auto"
        )
