"""The arguments of a class: their types and defaults, with those that ``**kwargs`` hands on."""

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, get_type_hints

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
    for base, parameter in _signatures(owner):
        found.setdefault(parameter.name, _hints(base).get(parameter.name, UNTYPED))
    return found


def defaults(owner: type) -> dict[str, Any]:
    """Name and default of each argument of a class that has one; arguments as for `parameters`."""
    found: dict[str, Any] = {}
    for _, parameter in _signatures(owner):
        found.setdefault(parameter.name, parameter.default)
    return {name: value for name, value in found.items() if value is not inspect.Parameter.empty}


def is_default(value: Any, default: Any) -> bool:
    """Whether a value of a file stands for the default of an argument.

    >>> is_default("/tmp/a", PurePath("/tmp/a")), is_default("os.system", print)
    (True, False)
    """
    if isinstance(default, PurePath):
        return isinstance(value, str) and value == str(default)
    if default is not None and isinstance(value, str) and loaded(value) is default:
        return True
    plain = isinstance(value, bool | int | float | str | list | None)
    return plain and type(value) is type(default) and bool(value == default)


def inherits(found: type, base: type, names: Iterable[str]) -> bool:
    """Whether a class has the members of these names from its base, unchanged.

    >>> inherits(bool, int, ["real"]), inherits(bool, int, ["real", "__and__"])
    (True, False)
    """
    return all(getattr(found, name) is getattr(base, name) for name in names)


def loaded(path: str) -> Any:
    """What a dotted path names, if its module is loaded; imports nothing. None: nothing.

    >>> loaded("sys.path") is sys.path, loaded("no_such_module.a"), loaded("sys")
    (True, None, None)
    """
    module, _, name = path.rpartition(".")
    # Not getattr: some modules import others when they are asked for a name.
    return vars(sys.modules[module]).get(name) if module in sys.modules else None


def _signatures(owner: type) -> Iterator[tuple[type, inspect.Parameter]]:
    """The arguments of a class and, as long as ``**kwargs`` hands them on, of its bases."""
    for base in owner.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        signature = inspect.signature(base).parameters.values()
        for parameter in signature:
            if parameter.kind not in _VARIADIC:
                yield base, parameter
        if all(parameter.kind != inspect.Parameter.VAR_KEYWORD for parameter in signature):
            break


def _hints(owner: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(owner.__init__, include_extras=True)  # type: ignore[misc]
    except (NameError, TypeError, AttributeError):
        return {}
