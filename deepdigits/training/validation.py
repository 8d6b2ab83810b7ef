"""Whether a training is validated, and so has the metrics of a validation."""

from typing import Any


def is_validated(config: Any) -> bool:
    """Whether a training with this config has a validation."""
    return getattr(config.data, "val_size", None) != 0 and config.trainer.limit_val_batches != 0


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
