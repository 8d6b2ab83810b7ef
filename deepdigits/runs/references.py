"""The classes and functions that the settings of a net in a run folder may name.

The activation of a net of a user's, for example. Layers and functions of torch.nn are known to do
no harm with plain arguments. Any other must be trusted, as the net itself.
"""

import sys
from collections.abc import Callable, Mapping
from inspect import isroutine
from pathlib import Path
from typing import Any, get_args, get_origin

from deepdigits.core.plain_values import Refers, fits
from deepdigits.core.signatures import defaults, is_default, parameters
from deepdigits.runs.trust import trusted_part

LAYERS, FUNCTIONS = "torch.nn", "torch.nn.functional"


def references(net: type, folder: Path) -> Refers:
    """Accepts a value that names a layer, a function or a trusted class, for `fits`.

    Args:
        net: The class of the net, which is trusted.
        folder: The run folder.
    """

    def refers(value: Any, kind: Any) -> bool:
        owner = get_origin(kind) or kind
        if isinstance(value, Mapping):
            return builds(value, owner)
        if not isinstance(value, str):
            return False
        if owner is type:
            bound, found = next(iter(get_args(kind)), object), named(value)
            return isinstance(found, type) and isinstance(bound, type) and issubclass(found, bound)
        if owner is Callable:
            return named(value) is not None
        return _is_type_of_numbers(value, kind)

    def builds(value: Mapping[Any, Any], owner: Any) -> bool:
        path, settings = value.get("class_path"), value.get("init_args", {})
        if value.keys() - {"class_path", "init_args"} or not isinstance(settings, Mapping):
            return False
        found = named(path) if isinstance(owner, type) and owner is not object else None
        if not (isinstance(found, type) and issubclass(found, owner)):
            return False
        kinds, given = parameters(found), defaults(found)
        return all(
            key in kinds and (fits(one, kinds[key], refers) or is_default(one, given.get(key)))
            for key, one in settings.items()
        )

    def named(path: Any) -> Any:
        if not isinstance(path, str):
            return None
        return _of_torch(path) or trusted_part(path, net, folder)

    return refers


def _of_torch(path: str) -> Any:
    """A layer or a function of torch.nn; None if the path names neither."""
    module, _, name = path.rpartition(".")
    layer = vars(sys.modules[LAYERS]).get(name) if LAYERS in sys.modules else None
    if isinstance(layer, type) and layer.__module__.startswith(f"{LAYERS}.modules."):
        return layer if module in (LAYERS, layer.__module__) else None
    if module != FUNCTIONS or name.startswith("_"):
        return None
    function = vars(sys.modules[FUNCTIONS]).get(name)
    return function if isroutine(function) else None


def _is_type_of_numbers(value: str, kind: Any) -> bool:
    """Whether a value is the name of a ``torch.dtype``, such as ``torch.float32``."""
    torch = sys.modules.get("torch")
    if torch is None or kind is not torch.dtype:
        return False
    return isinstance(vars(torch).get(value.removeprefix("torch.")), torch.dtype)
