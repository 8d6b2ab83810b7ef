"""Whether a training is validated, and so has the metrics of a validation."""

from pathlib import Path
from typing import Any

from deepdigits.runs.data_module import digits_settings, names_class


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


def is_measured(metric: Any, config: Any) -> bool:
    """Whether a metric that is monitored, if any, is measured in a training with this config."""
    return not is_of_validation(metric) or is_validated(config)
