"""The values that a setting takes, beyond its type: what torch, numpy and Lightning can work with.

The parser knows types only. What it lets through would end in a traceback once the training has
begun, or train nonsense. Nets, LitClassifier and the data module check their own parameters.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.core.limits import COUNT, FROM_ZERO, MOST, SEED, Limits
from deepdigits.core.suggestions import did_you_mean
from deepdigits.training.null_values import check_nulls

_CORES = os.cpu_count() or 1
# A config that was written for a large machine works on a small one, too. torch ends without a
# message where it cannot start its threads: here from about 1,000.
MOST_THREADS = max(256, _CORES)
MOST_PROCESSES = max(16, _CORES)
_SECONDS = 10**9  # 30 years; the clocks of Python and torch end at about 10**10
_COUNT_OR_NONE, _FROM_ZERO_OR_NONE = replace(COUNT, none=True), replace(FROM_ZERO, none=True)
_NO_LIMIT = replace(COUNT, other=-1)
_NUMBER = Limits(-MOST, MOST, none=True)

LIMITS: Mapping[str, Limits] = {
    "seed_everything": SEED,
    "ema_decay": Limits(0, 1, below=True, none=True),
    "num_threads": Limits(1, MOST_THREADS, whole=True, none=True),
    "peer_timeout": Limits(0, _SECONDS, above=True),
    "trainer.num_nodes": Limits(1, 10_000, whole=True),
    "trainer.max_epochs": replace(_NO_LIMIT, none=True),
    "trainer.min_epochs": _FROM_ZERO_OR_NONE,
    "trainer.max_steps": _NO_LIMIT,
    "trainer.min_steps": _FROM_ZERO_OR_NONE,
    "trainer.check_val_every_n_epoch": _COUNT_OR_NONE,
    "trainer.num_sanity_val_steps": replace(FROM_ZERO, other=-1, none=True),
    "trainer.log_every_n_steps": _FROM_ZERO_OR_NONE,
    "trainer.accumulate_grad_batches": COUNT,
    "trainer.gradient_clip_val": Limits(0, MOST, none=True),
    "trainer.reload_dataloaders_every_n_epochs": FROM_ZERO,
    "checkpoint.every_n_train_steps": _FROM_ZERO_OR_NONE,
    "checkpoint.every_n_epochs": _FROM_ZERO_OR_NONE,
    "last_checkpoint.every_n_steps": FROM_ZERO,
    "last_checkpoint.every_n_seconds": Limits(0, _SECONDS),
    "early_stopping.min_delta": Limits(0, MOST),
    "early_stopping.patience": FROM_ZERO,
    "early_stopping.stopping_threshold": _NUMBER,
    "early_stopping.divergence_threshold": _NUMBER,
    "dashboard.every_n_epochs": FROM_ZERO,
    "logger.max_queue": FROM_ZERO,
    "logger.flush_secs": Limits(1, _SECONDS),  # below 1 the thread that writes never rests
    "logger.purge_step": _FROM_ZERO_OR_NONE,
}
# A number of batches, or a share of them. The value: whether none at all makes sense.
BATCHES: Mapping[str, bool] = {
    "trainer.limit_train_batches": False,
    "trainer.limit_val_batches": True,
    "trainer.limit_test_batches": True,
    "trainer.limit_predict_batches": True,
    "trainer.overfit_batches": True,
    "trainer.val_check_interval": False,
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "checkpoint.mode": ("min", "max", "auto"),
    "early_stopping.mode": ("min", "max", "auto"),
    "trainer.gradient_clip_algorithm": ("norm", "value"),
}
_TRAINER_TIME = "days, hours, minutes and seconds such as 00:01:30:00, or {hours: 1, minutes: 30}"
TIMES: Mapping[str, str] = {  # and how to write one
    "trainer.max_time": _TRAINER_TIME,
    "trainer.val_check_interval": _TRAINER_TIME,
    "checkpoint.train_time_interval": "hours, minutes and seconds such as 1:30:00",
}


def check_values(config: Any) -> None:
    """Check the settings of a parsed config that no class of this package checks.

    Raises:
        InputError: A value is none that the setting takes, or two settings contradict each other.
    """
    for name, limits in LIMITS.items():
        is_random = name == "seed_everything" and isinstance(config[name], bool)
        if name in config and not is_random:
            limits.check(name, config[name])
    for name, none_makes_sense in BATCHES.items():
        _check_batches(name, config.get(name), none_makes_sense)
    for name, form in TIMES.items():
        _check_time(name, config.get(name), form)
    _check_texts(config)
    check_nulls(config.model)
    for low, high in (("min_epochs", "max_epochs"), ("min_steps", "max_steps")):
        least, most = config.trainer.get(low), config.trainer.get(high)
        if least is not None and most not in (None, -1) and least > most:
            raise InputError(
                f"trainer.{low} is {least}, more than trainer.{high}, which is {most}: raise "
                f"trainer.{high}"
            )


def is_time(value: Any) -> bool:
    """Whether a value of `trainer.val_check_interval` is a time, not a number of batches."""
    return isinstance(value, str | Mapping | timedelta)


def _check_texts(config: Any) -> None:
    for name, words in WORDS.items():
        if (value := config.get(name)) is not None and value not in words:
            suggestion = did_you_mean(str(value), words)
            raise InputError(f"{name} is {value!r}, expected one of {', '.join(words)}{suggestion}")
    if config.trainer.profiler == "xla" and find_spec("torch_xla") is None:
        # Lightning refuses it, too, and prints a traceback when the profiler is removed.
        raise InputError("trainer.profiler is xla, and torch_xla is not installed: pass simple")
    devices = str(config.trainer.devices)
    if devices.isdecimal() and (len(devices) > 9 or int(devices) > MOST_PROCESSES):
        raise InputError(f"trainer.devices is {devices:.20}, expected {MOST_PROCESSES} or fewer")
    if not isinstance(suffix := config.logger.filename_suffix, str) or "/" in suffix:
        raise InputError(f"logger.filename_suffix is {suffix!r}, expected a text without /")


def _check_batches(name: str, value: Any, none_makes_sense: bool) -> None:
    if value is None or is_time(value):
        return
    whole = FROM_ZERO if none_makes_sense else COUNT
    share = Limits(0, 1, above=not none_makes_sense)
    is_share = isinstance(value, float) and not (value > 1 and value.is_integer())
    if not (share.allows(value) if is_share else whole.allows(int(value))):  # of 10.0 too
        raise InputError(
            f"{name} is {value!r}, expected a number of batches from {whole.low} on, or a share "
            f"{'from' if none_makes_sense else 'above'} 0.0 to 1.0"
        )


def _check_time(name: str, value: Any, form: str) -> None:
    """Check a time: days, hours, minutes and seconds as text, or a mapping of them."""
    if not is_time(value):
        return
    try:
        seconds = _seconds(value)
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if not 0 < seconds <= _SECONDS:
        raise InputError(f"{name} is {str(value)[:80]!r}, expected a time above 0: {form}")


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        parts = re.fullmatch(r"(\d+):(\d\d):(\d\d):(\d\d)", value.strip())  # as Lightning reads it
        names = ("days", "hours", "minutes", "seconds")
        value = {} if parts is None else dict(zip(names, map(int, parts.groups()), strict=True))
    if isinstance(value, Mapping):
        value = timedelta(**value)
    length: float = value.total_seconds()
    return length
