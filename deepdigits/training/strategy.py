"""Check the settings of the strategy, which starts several processes."""

import os
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

import torch.distributed
from lightning.pytorch.strategies import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from deepdigits.core.errors import InputError
from deepdigits.core.suggestions import did_you_mean

_BACKENDS = ("gloo", "nccl", "xccl", "ucc", "mpi")
_BUCKETS = ("bucket_cap_mb", "first_bucket_cap_mb")  # sizes in megabytes; null: torch's default


def check_strategy(strategy: Any) -> None:
    """Check what `trainer.strategy` holds, before processes are started with it.

    Args:
        strategy: A name, or a mapping with class_path, init_args and dict_kwargs.

    Raises:
        InputError: A setting of DDPStrategy is unknown or has a wrong type, its backend is not
            installed.
    """
    port = os.environ.get("MASTER_PORT", "29500")
    if strategy not in (None, "auto") and not (port.isdecimal() and int(port) < 2**16):
        raise InputError(f"MASTER_PORT is {port!r}, expected a number below 65536")
    if str(getattr(strategy, "class_path", "")).rpartition(".")[2] != "DDPStrategy":
        return
    for name, value in _settings(strategy):
        if name not in option_names():
            suggestion = did_you_mean(name, option_names())
            raise InputError(f"trainer.strategy has no setting {name}{suggestion}")
        if (expected := _expected(name, value)) is not None:
            raise InputError(f"trainer.strategy.{name} is {value!r}, expected {expected}")


def option_names() -> list[str]:
    """The settings of DDPStrategy, with those that it passes on to DistributedDataParallel."""
    own = signature(DDPStrategy).parameters
    passed_on = signature(DistributedDataParallel).parameters
    return sorted({*own, *passed_on} - {"kwargs", "module", "device_ids"})


def _settings(strategy: Any) -> Iterator[tuple[str, Any]]:
    """All settings of a strategy given as a mapping."""
    for group in ("init_args", "dict_kwargs"):
        given = getattr(strategy, group, None) or {}
        yield from (given if isinstance(given, Mapping) else vars(given)).items()


def _expected(name: str, value: Any) -> str | None:
    """What a setting of DDPStrategy must be; None if it is right or cannot be checked here."""
    if name == "process_group_backend" and value is not None:
        known = [one for one in _BACKENDS if torch.distributed.is_backend_available(one)]
        parts = [part.rpartition(":")[2] for part in str(value).split(",")]
        return None if all(part in known for part in parts) else f"one of {', '.join(known)}"
    if name in _BUCKETS:
        is_size = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        return None if value is None or is_size else "a number above 0"
    parameter = signature(DistributedDataParallel).parameters.get(name)
    if parameter is not None and isinstance(parameter.default, bool):
        return None if isinstance(value, bool) else "true or false"
    return None
