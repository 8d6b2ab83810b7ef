"""Decide which classes a file that may come from someone else can name.

A run folder can be downloaded, so its config.yaml must not choose what is imported. Trusted are the
nets and the data module of the package, classes that the user has typed, classes of the user's own
program that are imported already, and the modules that the environment variable DEEPDIGITS_TRUST
lists.
"""

import sys
from collections.abc import Collection
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.files import is_inside
from deepdigits.core.modules import VARIABLE, importable_working_directory, listed_modules

BUNDLED = ("LitMLP", "LitCNN")
DATA_MODULE = "DigitsDataModule"
Section = Literal["model", "data"]
_NOUNS = {"model": "net", "data": "data module"}
_BASES = {"model": "LightningModule", "data": "LightningDataModule"}
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
    class_path: str, folder: Path, typed: Collection[str] = (), section: Section = "model"
) -> type:
    """Import the class of a net or data module that the config of a run folder names, if trusted.

    Args:
        class_path: The class, such as ``my_net.LitWide``.
        folder: The run folder: modules in it are not trusted.
        typed: Class paths that the user typed.
        section: The section of the config that names it.

    Raises:
        InputError: The class is not trusted, is of another kind, or cannot be imported.
    """
    if section == "model" and (name := bundled_name(class_path)):
        return _import(f"deepdigits.{name}", folder, section)
    if section == "data" and is_data_module(class_path):
        return _import(f"deepdigits.{DATA_MODULE}", folder, section)
    if class_path in typed:
        return _import(class_path, folder, section)
    if (imported := _imported_class(class_path, folder, section)) is not None:
        return imported
    if _is_listed(class_path, folder):
        return _import(class_path, folder, section)
    module = class_path.rpartition(".")[0]
    raise InputError(
        f"{folder / 'config.yaml'}: it names the {_NOUNS[section]} {class_path}, and a config in a "
        f"run folder may only name trusted classes: if you trust it, type --{section} {class_path} "
        f"where the command has this option, or set {VARIABLE}={module or 'MODULE'}"
    )


def command_prefix(*classes: type) -> str:
    """What to type before a command that opens a run of a net: nothing for a bundled one.

    Args:
        classes: The classes of its net and of its data module.
    """
    modules = dict.fromkeys(one.__module__ for one in classes if not _is_ours(one))
    return f"{VARIABLE}={','.join(modules)} " if modules else ""


def _import(class_path: str, folder: Path, section: Section) -> type:
    module, _, name = class_path.rpartition(".")
    try:
        with importable_working_directory({module.partition(".")[0]}):
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
    module, _, name = class_path.rpartition(".")
    # Not getattr: some modules import others when they are asked for a name.
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if not isinstance(found, type) or not issubclass(found, _base(section)):
        return None
    ours = ("LitClassifier",) if section == "model" else (DATA_MODULE,)
    if any(base.__qualname__ in ours and _is_ours(base) for base in found.__mro__):
        return found
    return found if _is_of_user(found, folder) else None


def _is_of_user(found: type, folder: Path) -> bool:
    """Whether a class is defined in a file of the user's, which is in no package and not a run."""
    if found.__module__ == "__main__":
        return True
    path = getattr(sys.modules.get(found.__module__), "__file__", None)
    if path is None or _is_ours(found) or is_inside(Path(path), folder):
        return False
    return not any(part in _INSTALLED for part in Path(path).parts)


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
