"""Whether a training is validated, and so has the metrics of a validation."""

from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.runs.data_module import digits_settings, names_class

_WITHOUT_MONITOR = (-1, 0, 1)  # all checkpoints, none, the last one


def is_validated(config: Any) -> bool:
    """Whether a training with this config has a validation, as far as its settings tell."""
    settings = settings_of_digits(config, "val_dataloader") or {}
    return settings.get("val_size") != 0 and config.trainer.limit_val_batches != 0


def settings_of_digits(config: Any, *using: str) -> dict[str, Any] | None:
    """The settings of the data module in a parsed config; None: it is no DigitsDataModule.

    Args:
        config: The parsed config; its classes were typed by the user.
        using: Members that a subclass must not override, as for `digits_settings`.
    """
    data = config.data.as_dict()
    typed = {data["class_path"]} if names_class(data) else ()
    return digits_settings(data, Path(), typed, using)


def is_of_validation(metric: Any) -> bool:
    """Whether a metric is of the validation, by its name.

    >>> is_of_validation("val/accuracy"), is_of_validation("train/loss"), is_of_validation(None)
    (True, False, False)
    """
    return str(metric).startswith("val")


def is_of_training(metric: Any) -> bool:
    """Whether a metric is of the training, by its name.

    >>> is_of_training("train/loss"), is_of_training("val/loss"), is_of_training("my_loss")
    (True, False, False)
    """
    return str(metric).startswith("train")


def is_measured(metric: Any, config: Any) -> bool:
    """Whether a metric that is monitored, if any, is measured in a training with this config."""
    return not is_of_validation(metric) or is_validated(config)


def check_top_k(config: Any) -> None:
    """Check that there is a metric to choose the best of several checkpoints by.

    Raises:
        InputError: There is none.
    """
    monitor, kept = config.checkpoint.monitor, config.checkpoint.save_top_k
    if kept in _WITHOUT_MONITOR or (monitor is not None and is_measured(monitor, config)):
        return
    if monitor is None:
        why = "checkpoint.monitor is null"
    else:
        is_limited = config.trainer.limit_val_batches == 0
        setting = "trainer.limit_val_batches" if is_limited else "data.val_size"
        why = f"{setting} is 0, so no validation measures {monitor}"
    raise InputError(
        f"checkpoint.save_top_k is {kept}, and {why}: pass --checkpoint.save_top_k 1 for the last "
        "epoch, or another metric such as --checkpoint.monitor train/loss"
    )


def why_never_validated(config: Any) -> str | None:
    """Why no epoch of a training that has a validation is validated; None if one is."""
    every, epochs = config.trainer.check_val_every_n_epoch, config.trainer.max_epochs
    if not is_validated(config) or every is None or epochs in (None, -1) or every <= epochs:
        return None
    why = f"trainer.check_val_every_n_epoch is {every}, more than trainer.max_epochs, {epochs}"
    by_metric = is_of_validation(config.checkpoint.monitor)
    return f"{why}: no epoch is validated" + (
        ", and the last one counts as the best" if by_metric else ""
    )
