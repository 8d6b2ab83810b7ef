"""Compare values of a file with the signature of a class: plain scalars and lists of them only."""

import inspect
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

UNTYPED = inspect.Parameter.empty
_VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def parameters(owner: type) -> dict[str, Any]:
    """Name and type of each argument of a class, with those that ``**kwargs`` hands on.

    An argument without a type, or with one that cannot be resolved, has ``UNTYPED``.

    >>> class A:
    ...     def __init__(self, size: int, **kwargs): ...
    >>> class B(A):
    ...     def __init__(self, names: list[str], **kwargs): ...
    >>> parameters(B)
    {'names': list[str], 'size': <class 'int'>}
    """
    found: dict[str, Any] = {}
    for base in owner.__mro__[:-1]:
        if not _has_init(base):
            continue
        signature = inspect.signature(base)
        hints = _hints(base)
        for name, parameter in signature.parameters.items():
            if parameter.kind not in _VARIADIC:
                found.setdefault(name, hints.get(name, UNTYPED))
        if all(p.kind != inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()):
            break
    return found


def has_default(owner: type, name: str, value: Any) -> bool:
    """Whether a value of a file is the default of an argument of a class: it changes nothing.

    >>> class A:
    ...     def __init__(self, root: str = "/data", sizes: tuple[int, ...] = (1, 2)): ...
    >>> has_default(A, "root", "/data"), has_default(A, "root", "/etc"), has_default(A, "x", None)
    (True, False, False)
    >>> has_default(A, "sizes", [1, 2])
    True
    """
    for base in owner.__mro__[:-1]:
        parameter = inspect.signature(base).parameters.get(name) if _has_init(base) else None
        if parameter is None or parameter.kind in _VARIADIC:
            continue
        default = parameter.default
        if isinstance(default, PurePath):
            default = str(default)
        if isinstance(default, tuple):
            default = list(default)
        plain = isinstance(default, bool | int | float | str | list | None)
        return plain and type(value) is type(default) and bool(value == default)
    return False


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is plain and of a type.

    Plain are None, bool, int, float, harmless strings, and lists of them. Without a type, no string
    fits: whoever parses it may take it for a class or a file.

    >>> fits(3, int | None), fits([0.5, 1], list[float]), fits("os.system", type)
    (True, True, False)
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fits(value, args[0])
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in args)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in args)
    if kind in (UNTYPED, Any):
        return isinstance(value, bool | int | float | None)
    if kind in (None, type(None)):
        return value is None
    if isinstance(value, list | tuple):
        return _is_sequence(origin or kind) and all(
            any(fits(item, one) for one in args if one is not ...) for item in value
        )
    return isinstance(kind, type) and _is_scalar(value, kind)


def is_plain(value: Any) -> bool:
    """Whether a value is a plain scalar, or a list or mapping of them.

    >>> is_plain({"sizes": [1, 2.5, None]}), is_plain([PurePath("a")])
    (True, False)
    """
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return value is None or type(value) in (bool, int, float, str)


def is_harmless(text: str) -> bool:
    """Whether a string is printable, and is not an outside path, a URL or a variable.

    >>> is_harmless("val/accuracy"), is_harmless("../mine"), is_harmless("https://a")
    (True, False, False)
    """
    parts = text.replace("\\", "/").split("/")
    drive = text[:1].isalpha() and text[1:2] == ":"
    outside = text.startswith(("/", "~", "\\")) or ".." in parts or drive
    return text.isprintable() and not outside and "://" not in text and "$" not in text


def _has_init(owner: type) -> bool:
    return "__init__" in vars(owner)


def _is_scalar(value: Any, kind: type) -> bool:
    if issubclass(kind, bool) or isinstance(value, bool):
        return isinstance(value, bool) and kind is bool
    if issubclass(kind, int):
        return isinstance(value, int)
    if issubclass(kind, float):
        return isinstance(value, int | float)
    return kind is str and isinstance(value, str) and is_harmless(value)


def _is_sequence(kind: Any) -> bool:
    return isinstance(kind, type) and (kind is tuple or issubclass(list, kind))


def _hints(owner: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(owner.__init__, include_extras=True)  # type: ignore[misc]
    except (NameError, TypeError, AttributeError):
        return {}
