"""Decide which classes a file that may come from someone else can name.

A run folder can be downloaded, so its config.yaml must not choose what is imported. Trusted are the
nets of the package, classes that the user has typed, classes that the user's own program has
imported, and what the environment variable DEEPDIGITS_TRUST lists: modules, packages or classes.
"""

from collections.abc import Collection
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import is_inside
from deepdigits.core.modules import VARIABLE, importable_working_directory, listed_modules
from deepdigits.core.signatures import loaded

BUNDLED = ("LitMLP", "LitCNN")


def bundled_name(class_path: object) -> str | None:
    """The name of a net of the package; None for any other class.

    >>> bundled_name("deepdigits.LitCNN"), bundled_name("deepdigits.training.cli.os.system")
    ('LitCNN', None)
    """
    module, _, name = str(class_path).rpartition(".")
    return name if module in ("", "deepdigits") and name in BUNDLED else None


def trusted_class(
    class_path: str, folder: Path, typed: Collection[str] = (), source: Path | None = None
) -> type:
    """Import the class of a net that a file of a run folder names, if it is trusted.

    Args:
        class_path: The class, such as ``my_net.LitWide``.
        folder: The run folder: modules in it are not trusted.
        typed: Class paths that the user typed.
        source: The file. None: config.yaml in the run folder.

    Raises:
        InputError: The class is not trusted, is not a LightningModule, or cannot be imported.
    """
    if name := bundled_name(class_path):
        return _import(f"deepdigits.{name}", folder)
    if class_path == "deepdigits.LitClassifier":  # its argument `net` is checked as any other
        return _import(class_path, folder)
    if class_path in typed:
        return _import(class_path, folder)
    if (imported := _imported_net(class_path)) is not None:
        return imported
    if is_listed(class_path, folder):
        return _import(class_path, folder)
    module = class_path.rpartition(".")[0]
    raise InputError(
        f"{source or folder / 'config.yaml'} names the net {class_path}, and such a file may "
        f"only name trusted classes: if you trust it, type --model {class_path} where the command "
        f"has this option, or set {VARIABLE}={module or 'MODULE'}; in Python, import it first"
    )


def trusted_part(path: str, net: type, folder: Path) -> type | FunctionType | None:
    """Import what a setting of a net names, if it is trusted; None if it is not.

    Trusted are the classes and functions of listed modules, and the layers that the package of the
    net has defined. What a module has imported from elsewhere is not its own.

    Args:
        path: A class or a function, such as ``my_net.Swish``.
        net: The class of the net, which is trusted.
        folder: The run folder: modules in it are not trusted.
    """
    if is_listed(path, folder):
        with importable_working_directory({_top(path)}), suppress(ImportError, ValueError):
            import_module(path.rpartition(".")[0])
    elif _top(path) != _top(net.__module__):
        return None
    found = loaded(path)
    if not isinstance(found, type | FunctionType):
        return None
    if is_listed(path, folder) and is_listed(f"{found.__module__}.{found.__qualname__}", folder):
        return found
    is_layer = isinstance(found, type) and loaded("torch.nn.Module") in found.__mro__
    return found if is_layer and _top(found.__module__) == _top(net.__module__) else None


def is_listed(class_path: str, folder: Path) -> bool:
    """Whether DEEPDIGITS_TRUST lists a class or its module, and it is not in the run folder."""
    if not any(f"{class_path}.".startswith(f"{name}.") for name in listed_modules()):
        return False
    try:
        with importable_working_directory({_top(class_path)}):
            spec = find_spec(_top(class_path))  # imports nothing
    except (ImportError, ValueError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    return bool(places) and not any(place and is_inside(Path(place), folder) for place in places)


def command_prefix(net: type) -> str:
    """What to type before a command that opens a run of a net: nothing for a trusted one."""
    listed = any(f"{net.__module__}.".startswith(f"{name}.") for name in listed_modules())
    return "" if listed or _is_ours(net) else f"{VARIABLE}={net.__module__} "


def is_classifier(found: type) -> bool:
    """Whether a class is `LitClassifier` itself; without importing Lightning."""
    return found.__qualname__ == "LitClassifier" and _is_ours(found)


def _import(class_path: str, folder: Path) -> type:
    module, _, name = class_path.rpartition(".")
    try:
        with importable_working_directory({_top(module)}):
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
    found = loaded(class_path)
    bases = found.__mro__ if isinstance(found, type) else ()
    return found if any(map(is_classifier, bases)) else None


def _is_ours(found: type) -> bool:
    return _top(found.__module__) == "deepdigits"


def _top(path: str) -> str:
    return path.partition(".")[0]
