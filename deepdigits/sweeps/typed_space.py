"""Give the parameters of a search the types that the settings of a config have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.sweeps.space import Param, flag

Resolve = Callable[[Sequence[str]], Mapping[str, Any]]


def typed_space(space: Sequence[Param], args: Sequence[str], resolve: Resolve) -> list[Param]:
    """The parameters, whole numbers where the config has them; each end of a range is tried.

    Args:
        space: The parameters.
        args: The config and the flags of all trials.
        resolve: Parses and checks flags, and returns the config that a training would save.

    Raises:
        InputError: A setting does not exist or does not take a value, or its type is no number.
    """
    configs = []
    for number in range(max(len(param.ends) for param in space)):
        ends = [(param, param.ends[min(number, len(param.ends) - 1)]) for param in space]
        configs.append(resolve([*args, *(_flag(param, end) for param, end in ends)]))
    return [_typed(param, [setting(one, param.key) for one in configs]) for param in space]


def setting(config: Mapping[str, Any], key: str) -> Any:
    """A setting of a resolved config, also below ``init_args``; None if it is not there.

    >>> setting({"model": {"init_args": {"lr": 0.1}}}, "model.lr")
    0.1
    """
    found: Any = config
    for name in key.split("."):
        if isinstance(found, Mapping) and name not in found:
            found = found.get("init_args")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _flag(param: Param, value: Any) -> str:
    return flag(param.key, int(value) if param.kind == "int" else value)


def _typed(param: Param, values: Sequence[Any]) -> Param:
    """The parameter, with the type of the values that configs have for it."""
    if param.kind == "choice":
        return param
    if wrong := [v for v in values if isinstance(v, bool) or not isinstance(v, int | float)]:
        raise InputError(
            f"{param.key} takes no numbers (it is {str(wrong[0])[:40]!r}): list its values, as in "
            f"{param.key}=A,B"
        )
    is_float = any(isinstance(value, float) for value in values)
    return replace(param, kind="float") if is_float else param
