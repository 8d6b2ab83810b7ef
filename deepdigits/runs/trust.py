"""Decide which classes a file that may come from someone else can name.

A run folder can be downloaded, so its config.yaml must not choose what is imported. Trusted are the
nets of the package, classes that the user has typed, classes that the user's own program has
imported, and the modules that the environment variable DEEPDIGITS_TRUST lists.
"""

import sys
from collections.abc import Collection
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import is_inside
from deepdigits.core.modules import VARIABLE, importable_working_directory, listed_modules

BUNDLED = ("LitMLP", "LitCNN")


def bundled_name(class_path: object) -> str | None:
    """The name of a net of the package; None for any other class.

    >>> bundled_name("deepdigits.LitCNN"), bundled_name("deepdigits.training.cli.os.system")
    ('LitCNN', None)
    """
    module, _, name = str(class_path).rpartition(".")
    return name if module in ("", "deepdigits") and name in BUNDLED else None


def trusted_class(class_path: str, folder: Path, typed: Collection[str] = ()) -> type:
    """Import the class of a net that the config of a run folder names, if it is trusted.

    Args:
        class_path: The class, such as ``my_net.LitWide``.
        folder: The run folder: modules in it are not trusted.
        typed: Class paths that the user typed.

    Raises:
        InputError: The class is not trusted, is not a LightningModule, or cannot be imported.
    """
    if name := bundled_name(class_path):
        return _import(f"deepdigits.{name}", folder)
    if class_path in typed:
        return _import(class_path, folder)
    if (imported := _imported_net(class_path)) is not None:
        return imported
    if _is_listed(class_path, folder):
        return _import(class_path, folder)
    module = class_path.rpartition(".")[0]
    raise InputError(
        f"{folder / 'config.yaml'} names the net {class_path}, and a config in a run folder may "
        f"only name trusted classes: if you trust it, type --model {class_path} where the command "
        f"has this option, or set {VARIABLE}={module or 'MODULE'}"
    )


def command_prefix(net: type) -> str:
    """What to type before a command that opens a run of a net: nothing for a bundled one."""
    return "" if _is_ours(net) else f"{VARIABLE}={net.__module__} "


def _import(class_path: str, folder: Path) -> type:
    module, _, name = class_path.rpartition(".")
    try:
        with importable_working_directory({module.partition(".")[0]}):
            found = getattr(import_module(module), name)
        from lightning.pytorch import LightningModule  # slow to import

        if not (isinstance(found, type) and issubclass(found, LightningModule)):
            raise TypeError("it is not a LightningModule")
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise InputError(
            f"the net {class_path} of run {folder} cannot be imported ({one_line(error, 160)})"
        ) from error
    return found


def _imported_net(class_path: str) -> type | None:
    """A subclass of LitClassifier that the running program has imported already."""
    module, _, name = class_path.rpartition(".")
    # Not getattr: some modules import others when they are asked for a name.
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    bases = found.__mro__ if isinstance(found, type) else ()
    is_net = any(base.__qualname__ == "LitClassifier" and _is_ours(base) for base in bases)
    return found if is_net else None


def _is_ours(found: type) -> bool:
    return found.__module__.partition(".")[0] == "deepdigits"


def _is_listed(class_path: str, folder: Path) -> bool:
    """Whether the module of a class is in DEEPDIGITS_TRUST, and not in the run folder."""
    module = class_path.rpartition(".")[0]
    if not any(f"{module}.".startswith(f"{name}.") for name in listed_modules()):
        return False
    top = module.partition(".")[0]
    try:
        with importable_working_directory({top}):
            spec = find_spec(top)  # imports nothing
    except (ImportError, ValueError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    return bool(places) and not any(place and is_inside(Path(place), folder) for place in places)
