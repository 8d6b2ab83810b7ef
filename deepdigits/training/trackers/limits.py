"""How long a training waits for a tracker."""

import os
from collections.abc import Mapping

from deepdigits.core.errors import InputError

VARIABLE = "DEEPDIGITS_TRACKER_TIMEOUT"
_SECONDS = 60.0

# By themselves MLflow tries for four minutes to reach a server, and W&B without end to send the
# rest of a run.
DEFAULTS: Mapping[str, str] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "WANDB_INIT_TIMEOUT": "30",
    "WANDB_FINISH_TIMEOUT": "60",
}


def limit_waiting() -> None:
    """Tell MLflow and W&B when to give up, unless the user has told them."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def seconds() -> float:
    """How long one call of a tracker may take; for one that sends files, ten times as long.

    Raises:
        InputError: The environment variable is no positive number.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        value = float(text or _SECONDS)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise InputError(f"{VARIABLE} is {text!r}, expected a number of seconds")
    return value
