"""Refuse configs in run folders that import unknown code.

A config that the user names with ``-c`` is trusted. The config.yaml of a run folder may come from
someone else together with the checkpoint, and each class in it would be imported.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.runs.config import SECTIONS, read

_TRUSTED = ("deepdigits", "lightning", "torch")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_CONFIG = re.compile(r".*\.(ya?ml|json|toml|jsonnet)", re.I)


def check_config_imports(config: dict[str, Any], folder: Path, named: Sequence[str]) -> None:
    """Check that the config of a run folder imports trusted code only.

    Trusted are classes of deepdigits, lightning and torch; classes in Python files of the working
    directory, where users keep their own nets; and classes that the user names on the command line.

    Args:
        config: Content of the config.
        folder: The run folder of the config.
        named: The command-line arguments.

    Raises:
        InputError: The config names any other class, or another config file.
    """
    typed = _named(named)
    for section in SECTIONS:
        if not isinstance(config.get(section, {}), dict):
            raise InputError(
                f"{folder / 'config.yaml'} is not a saved config: {section} is not a mapping"
            )
    for key, text in _strings(config):
        if text in typed or key == "trainer.default_root_dir":
            continue
        if _CONFIG.fullmatch(text):
            raise InputError(
                f"{folder / 'config.yaml'} names another config, {text}, as {key}: it is not read"
            )
        names_class = key.endswith("class_path") or key.split(".")[0] in ("model", "trainer")
        dotted = _DOTTED.fullmatch(text) is not None
        if names_class and dotted and not (_is_trusted(text) or _is_in_cwd(text, folder)):
            raise InputError(
                f"{folder / 'config.yaml'} names {text} as {key}, which is neither part of "
                "deepdigits nor in a file of the working directory: if you trust it, name it "
                f"yourself with --{key.removesuffix('.class_path')} {text}"
            )


def _named(args: Sequence[str]) -> set[str]:
    """Names on the command line, and in config files that are named there."""
    words = {word.partition("=")[2] or word for word in args}
    for word in [word for word in words if _CONFIG.fullmatch(word) and Path(word).is_file()]:
        try:
            words |= {text for _, text in _strings(read(Path(word)))}
        except InputError:
            continue  # the parser will report the error
    return words


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a nested config, with its dotted key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner, key)


def _is_trusted(path: str) -> bool:
    """Whether a dotted path is a class that is defined in a trusted package.

    >>> _is_trusted("deepdigits.LitCNN"), _is_trusted("deepdigits.training.cli.os.system")
    (True, False)
    """
    module, _, name = path.rpartition(".")
    package = path.partition(".")[0]
    if package not in _TRUSTED:
        return False
    try:
        if find_spec(module) is None:
            return False
        found = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.partition(".")[0] == package


def _is_in_cwd(path: str, folder: Path) -> bool:
    """Whether the module of a class is in the working directory, and not in the run folder."""
    top, *rest = path.split(".")[:-1]
    here = Path.cwd()
    if rest and not (here / top / "__init__.py").is_file():
        return False  # not a package, for example lightning_logs
    module = here.joinpath(top, *rest)
    files = (module.with_name(f"{module.name}.py"), module / "__init__.py")
    return any(f.is_file() and folder.resolve() not in f.resolve().parents for f in files)
