"""The settings of a net as plain values: what checkpoints and loggers keep of them."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from torch import Tensor

from deepdigits.core.errors import one_line


def stored(value: Any) -> Any:
    """A value as plain values and tensors, which a checkpoint can hold.

    A path is its text, a member of an Enum its name, a class or a function its dotted name. Of any
    other object there is only a text that describes it: it fits no argument of that type, so a net
    that is built from it by mistake is an error, and not another net.

    >>> stored({"kind": PurePath, "table": PurePath("a/b"), "sizes": {3, 1}})
    {'kind': 'pathlib.PurePath', 'table': 'a/b', 'sizes': [1, 3]}
    """
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, np.generic):
        return value.item()
    for kind in (bool, int, float, str):  # of a subclass too, which a checkpoint cannot hold
        if isinstance(value, kind):
            return kind(value)
    if value is None or type(value) is Tensor:
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {_key(key): stored(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: stored(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Set):
        return sorted(map(stored, value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | range):
        return tuple(map(stored, value)) if isinstance(value, tuple) else list(map(stored, value))
    return _description(value)


def readable(value: Any) -> Any:
    """A value for a table or a YAML file: as `stored`, but with a text for each tensor."""
    return _description(value) if isinstance(value, Tensor) else stored(value)


def _key(key: Any) -> int | str:
    plain = stored(key)
    return plain if isinstance(plain, int | str) else str(plain)


def _description(value: Any) -> str:
    if isinstance(value, partial):  # how the parser hands over a class as a factory
        value = next((one for one in value.args if isinstance(one, type)), value.func)
    name = getattr(value, "__qualname__", None)
    if name is not None:
        return f"{value.__module__}.{name}"
    return re.sub(" at 0x[0-9a-f]+", "", one_line(repr(value), 200))  # the same in each process
