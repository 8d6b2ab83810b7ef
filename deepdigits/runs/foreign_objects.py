"""Find objects in a checkpoint that are neither tensors nor plain values."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import torch


def foreign_object(content: Any, place: str = "") -> str | None:
    """Place and class of the first object that cannot be read back from a checkpoint; None: none.

    >>> foreign_object({"epoch": 1, "mine": {"sizes": [1, 2], "kind": io.BytesIO}})
    "['mine']['kind'] is a type"
    >>> foreign_object({"epoch": 1, "weights": torch.zeros(2)}) is None
    True
    """
    if _can_be_read(content):
        return None
    for key, value in _items(content):
        if (found := foreign_object(value, f"{place}[{key!r:.60}]")) is not None:
            return found
    kind = type(content)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    article = "an" if name[0].lower() in "aeiou" else "a"
    return f"{place} is {article} {name}"


def _items(content: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(content, Mapping):
        return content.items()
    return enumerate(content) if type(content) in (list, tuple) else ()


def _can_be_read(value: Any) -> bool:
    file = io.BytesIO()
    try:
        torch.save(value, file)
        file.seek(0)
        torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # what the classes of others may raise is not known
        return False
    return True
