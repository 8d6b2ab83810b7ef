"""Whether a training is validated, and so has the metrics of a validation."""

from typing import Any


def is_validated(config: Any) -> bool:
    """Whether a training with this config has a validation."""
    return getattr(config.data, "val_size", None) != 0 and config.trainer.limit_val_batches != 0


def is_measured(metric: Any, config: Any) -> bool:
    """Whether a metric that is monitored, if any, is measured in a training with this config."""
    return not str(metric).startswith("val") or is_validated(config)
