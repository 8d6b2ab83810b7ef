"""Compare values of a file with the types of a signature: plain values, and nothing that runs."""

import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from deepdigits.core.signatures import UNTYPED, parameters

Refers = Callable[[Any, Any], bool]  # whether a value names a class of a type that may be built
_SPEC = {"class_path", "init_args", "dict_kwargs"}  # a mapping with one of these names a class
_PLAIN = (bool, int, float, str, PurePath, Enum, list, tuple, dict, set, frozenset)


def fits(value: Any, kind: Any, refers: Refers = lambda value, kind: False) -> bool:
    """Whether a value is plain and of a type.

    Plain are None, bool, int, float, harmless strings, the names of an Enum, and lists and mappings
    of them. Where a parser may take a string for a class or a function, only a word fits.

    Args:
        value: From a file.
        kind: The type.
        refers: Accepts values that name a class or a function. Default: no such value fits.

    >>> fits(3, int | None), fits([0.5, 1], list[float]), fits("os.system", type)
    (True, True, False)
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fits(value, args[0], refers)
    if origin in (Union, types.UnionType):
        # `os.system` is text for str, but the parser of `str | Callable` may import it.
        text = any(not re.fullmatch("[a-z_][a-z0-9_-]*", one) for one in _strings(value))
        if text and not all(map(_is_plain_kind, args)):
            args = tuple(one for one in args if not _is_plain_kind(one))
        return any(fits(value, one, refers) for one in args)
    if isinstance(value, Mapping):
        return _fits_mapping(value, kind, refers)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in args)
    if kind in (UNTYPED, Any):
        is_word = isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w-]*", value) is not None
        return is_word or isinstance(value, bool | int | float | None)
    if kind in (None, type(None)):
        return value is None
    if isinstance(value, list | tuple):
        return _is_sequence(origin or kind) and all(
            any(fits(item, one, refers) for one in args or (Any,) if one is not ...)
            for item in value
        )
    return (isinstance(kind, type) and _is_scalar(value, kind)) or refers(value, kind)


def is_harmless(text: str) -> bool:
    """Whether a string is printable, and is not an outside path, a URL or a variable.

    >>> is_harmless("val/accuracy"), is_harmless("../mine"), is_harmless("https://a")
    (True, False, False)
    """
    parts = text.replace("\\", "/").split("/")
    drive = text[:1].isalpha() and text[1:2] == ":"
    outside = text.startswith(("/", "~", "\\")) or ".." in parts or drive
    return text.isprintable() and not outside and "://" not in text and "$" not in text


def _is_scalar(value: Any, kind: type) -> bool:
    if issubclass(kind, Enum):
        return isinstance(value, str) and value in kind.__members__
    if issubclass(kind, bool) or isinstance(value, bool):
        return isinstance(value, bool) and kind is bool
    if issubclass(kind, int):
        return isinstance(value, int)
    if issubclass(kind, float):
        return isinstance(value, int | float)
    is_text = kind is str or issubclass(kind, PurePath)
    return is_text and isinstance(value, str) and is_harmless(value)


def _fits_mapping(value: Mapping[Any, Any], kind: Any, refers: Refers) -> bool:
    if _SPEC & value.keys():
        return refers(value, kind)
    if isinstance(kind, type) and is_dataclass(kind):
        known = parameters(kind)
        return all(key in known and fits(one, known[key], refers) for key, one in value.items())
    owner = get_origin(kind) or kind
    if not (isinstance(owner, type) and owner is not object and issubclass(dict, owner)):
        return False
    of_key, of_value = get_args(kind) or (str, Any)
    return all(
        (_fits_key(key, of_key) and fits(one, of_value, refers)) for key, one in value.items()
    )


def _fits_key(key: Any, kind: Any) -> bool:
    is_number = kind is int and isinstance(key, str) and re.fullmatch(r"-?\d+", key)
    return bool(is_number) or fits(key, kind)


def _is_sequence(kind: Any) -> bool:
    return isinstance(kind, type) and (kind in (tuple, set, frozenset) or issubclass(list, kind))


def _is_plain_kind(kind: Any) -> bool:
    """Whether no value of a type names a class or a function."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal or kind in (None, ...):
        return True
    if args:
        is_container = origin in (Union, types.UnionType) or _is_plain_kind(origin)
        return is_container and all(map(_is_plain_kind, args))
    return isinstance(kind, type) and (kind is type(None) or issubclass(kind, _PLAIN))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(inner)
