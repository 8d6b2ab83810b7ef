"""How long a waiting OpenMP thread keeps its core busy, before torch is loaded."""

import os
from collections.abc import Mapping

# By default it is milliseconds; beside other programs, two threads then take up to eight times as
# long as one (four times with this). With less, threads on free cores fall asleep in each layer.
_SPIN = ("GOMP_SPINCOUNT", "10000")


def set_spin_count() -> None:
    """Set the environment variable of libgomp, unless the user has set it or OMP_WAIT_POLICY."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault(*_SPIN)


def without_spin_count(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process of another version, which sets its own.

    >>> without_spin_count({"GOMP_SPINCOUNT": "10000", "A": "1"})
    {'A': '1'}
    >>> without_spin_count({"GOMP_SPINCOUNT": "7"})
    {'GOMP_SPINCOUNT': '7'}
    """
    return {name: value for name, value in environment.items() if (name, value) != _SPIN}
