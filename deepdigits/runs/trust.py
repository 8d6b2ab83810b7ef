"""Decide which classes a file that may come from someone else can name.

A run folder can be downloaded, so its config.yaml must not choose what is imported. Trusted are the
nets and the data module of the package, classes that the user has typed, classes that the user's
own program has imported, and what the environment variable DEEPDIGITS_TRUST lists: modules,
packages or classes.
"""

import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Literal

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import is_inside
from deepdigits.core.modules import VARIABLE, importable_working_directory, listed_modules
from deepdigits.core.signatures import loaded

BUNDLED = ("LitMLP", "LitCNN")
DATA_MODULE = "DigitsDataModule"
Section = Literal["model", "data"]
_NOUNS: Mapping[Section, str] = {"model": "net", "data": "data module"}
_BASES: Mapping[Section, str] = {"model": "LightningModule", "data": "LightningDataModule"}
_OURS: Mapping[Section, str] = {"model": "LitClassifier", "data": DATA_MODULE}
_INSTALLED = ("site-packages", "dist-packages")  # folders of packages that pip installs


def bundled_name(class_path: object) -> str | None:
    """The name of a net of the package; None for any other class.

    >>> bundled_name("deepdigits.LitCNN"), bundled_name("deepdigits.training.cli.os.system")
    ('LitCNN', None)
    """
    module, _, name = str(class_path).rpartition(".")
    return name if module in ("", "deepdigits") and name in BUNDLED else None


def is_data_module(class_path: object) -> bool:
    """Whether a class path is that of the data module of the package.

    >>> is_data_module("deepdigits.DigitsDataModule"), is_data_module("my.DigitsDataModule")
    (True, False)
    """
    return class_path in (f"deepdigits.{DATA_MODULE}", f"deepdigits.data.module.{DATA_MODULE}")


def trusted_class(
    class_path: str,
    folder: Path,
    typed: Collection[str] = (),
    source: Path | None = None,
    section: Section = "model",
) -> type:
    """Import the class of a net or data module that a file of a run folder names, if it is trusted.

    Args:
        class_path: The class, such as ``my_net.LitWide``.
        folder: The run folder: modules in it are not trusted.
        typed: Class paths that the user typed.
        source: The file. None: config.yaml in the run folder.
        section: Whether it is the class of the net or of the data module.

    Raises:
        InputError: The class is not trusted, is not of this kind, or cannot be imported.
    """
    if section == "model" and (name := bundled_name(class_path)):
        return _import(f"deepdigits.{name}", folder, section)
    if section == "model" and class_path == "deepdigits.LitClassifier":
        return _import(class_path, folder, section)  # its argument `net` is checked as any other
    if section == "data" and is_data_module(class_path):
        return _import(f"deepdigits.{DATA_MODULE}", folder, section)
    if class_path in typed:
        return _import(class_path, folder, section)
    if (imported := _imported_class(class_path, folder, section)) is not None:
        return imported
    if is_listed(class_path, folder):
        return _import(class_path, folder, section)
    module = class_path.rpartition(".")[0]
    raise InputError(
        f"{source or folder / 'config.yaml'} names the {_NOUNS[section]} {class_path}, and such a "
        f"file may only name trusted classes: if you trust it, type --{section} {class_path} where "
        f"the command has this option, or set {VARIABLE}={module or 'MODULE'}; in Python, import "
        "it first"
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
    if not _has_listed_name(class_path):
        return False
    try:
        with importable_working_directory({_top(class_path)}):
            spec = find_spec(_top(class_path))  # imports nothing
    except (ImportError, ValueError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or [])] if spec else []
    return bool(places) and not any(place and is_inside(Path(place), folder) for place in places)


def command_prefix(*classes: type) -> str:
    """What to type before a command that opens a run: nothing if its classes are trusted.

    Args:
        classes: The classes of its net and of its data module.
    """
    needed = (one.__module__ for one in classes if not _is_ours(one))
    modules = dict.fromkeys(one for one in needed if not _has_listed_name(one))
    return f"{VARIABLE}={','.join([*listed_modules(), *modules])} " if modules else ""


def is_classifier(found: type) -> bool:
    """Whether a class is `LitClassifier` itself; without importing Lightning."""
    return class_of_ours(found, "LitClassifier") is found


def class_of_ours(found: type, name: str) -> type | None:
    """The class of the package with a name, if a class is it or a subclass of it; else None."""
    bases = (base for base in found.__mro__ if base.__qualname__ == name and _is_ours(base))
    return next(bases, None)


def _import(class_path: str, folder: Path, section: Section) -> type:
    module, _, name = class_path.rpartition(".")
    try:
        with importable_working_directory({_top(module)}):
            found = getattr(import_module(module), name)
        if not (isinstance(found, type) and issubclass(found, _base(section))):
            raise TypeError(f"it is not a {_BASES[section]}")
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise InputError(
            f"the {_NOUNS[section]} {class_path} of run {folder} cannot be imported "
            f"({one_line(error, 160)})"
        ) from error
    return found


def _base(section: Section) -> type:
    from lightning import pytorch  # slow to import

    base: type = getattr(pytorch, _BASES[section])
    return base


def _imported_class(class_path: str, folder: Path, section: Section) -> type | None:
    """A class of the user's own program that is imported already.

    A class of an installed package is not taken, unless it is built on one of ours.
    """
    found = loaded(class_path)
    if not isinstance(found, type):
        return None
    if class_of_ours(found, _OURS[section]) is not None:
        return found
    is_own = _is_of_user(found, folder) and issubclass(found, _base(section))
    return found if is_own else None


def _is_of_user(found: type, folder: Path) -> bool:
    """Whether a class is defined in a file of the user's, which is in no package and not a run."""
    if found.__module__ == "__main__":
        return True
    path = getattr(sys.modules.get(found.__module__), "__file__", None)
    if path is None or _is_ours(found) or is_inside(Path(path), folder):
        return False
    return not any(part in _INSTALLED for part in Path(path).parts)


def _has_listed_name(path: str) -> bool:
    """Whether a dotted path is in DEEPDIGITS_TRUST, or in a module that it lists."""
    return any(f"{path}.".startswith(f"{name}.") for name in listed_modules())


def _is_ours(found: type) -> bool:
    return _top(found.__module__) == "deepdigits"


def _top(path: str) -> str:
    return path.partition(".")[0]
