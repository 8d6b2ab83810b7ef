"""Check the settings of a net that are null."""

from inspect import signature
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.core.plain_values import fits
from deepdigits.core.signatures import UNTYPED, loaded, parameters


def check_nulls(model: Any) -> None:
    """Check that no setting of a net is null that cannot be: the parser takes null for each.

    Args:
        model: The section of a parsed config, with class_path and init_args.

    Raises:
        InputError: A setting is null, and neither its type nor its default says so.
    """
    if not hasattr(model, "class_path") or not hasattr(model, "init_args"):
        return
    kind = loaded(model.class_path) or object
    types, defaults = parameters(kind), signature(kind).parameters
    for key, value in vars(model.init_args).items():
        if key in defaults and defaults[key].default is None:
            continue  # whatever its type says
        if value is None and not fits(None, types.get(key, UNTYPED)):
            raise InputError(f"model.{key} is null, expected a value: leave it out for the default")
