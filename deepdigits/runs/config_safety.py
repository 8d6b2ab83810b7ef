"""What a config that was found in a run folder may name: nothing that the user does not know.

Whoever names a config with ``-c`` vouches for it. The config.yaml that lies beside a checkpoint
came with the checkpoint, perhaps from a stranger, and every class that it names would be imported.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.runs.config import SECTIONS, read

_SHIPPED = ("deepdigits", "lightning", "torch")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_CONFIG = re.compile(r".*\.(ya?ml|json|toml|jsonnet)", re.I)


def check_config_imports(config: dict[str, Any], folder: Path, named: Sequence[str]) -> None:
    """Check that a found config makes nothing run that is not of here.

    It may name classes of deepdigits, lightning and torch; those in a Python file of the working
    directory, where a net of one's own lies while it is trained; and those on the command line.

    Args:
        config: Content of the config.
        folder: The run folder that it was found in.
        named: The command line.

    Raises:
        InputError: It names another one, or a further config.
    """
    typed = _named(named)
    for section in SECTIONS:
        if not isinstance(config.get(section, {}), dict):
            raise InputError(
                f"{folder / 'config.yaml'} is no saved config: {section} is no mapping"
            )
    for key, text in _strings(config):
        if text in typed or key == "trainer.default_root_dir":
            continue
        if _CONFIG.fullmatch(text):
            raise InputError(
                f"{folder / 'config.yaml'} names a further config, {text}, as {key}: not read"
            )
        names_class = key.endswith("class_path") or key.split(".")[0] in ("model", "trainer")
        dotted = _DOTTED.fullmatch(text) is not None
        if names_class and dotted and not (_is_shipped(text) or _is_ones_own(text, folder)):
            raise InputError(
                f"{folder / 'config.yaml'} names {text} as {key}, which is neither part of "
                "deepdigits nor in a file of the working directory: if you trust it, name it "
                f"yourself with --{key.removesuffix('.class_path')} {text}"
            )


def _named(args: Sequence[str]) -> set[str]:
    """What the user has named on the command line, and in the configs that stand there."""
    words = {word.partition("=")[2] or word for word in args}
    for word in [word for word in words if _CONFIG.fullmatch(word) and Path(word).is_file()]:
        try:
            words |= {text for _, text in _strings(read(Path(word)))}
        except InputError:
            continue  # the parser will say what is wrong with it
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


def _is_shipped(path: str) -> bool:
    """Whether a dotted path is a class that one of the packages defines itself.

    >>> _is_shipped("deepdigits.LitCNN"), _is_shipped("deepdigits.training.cli.os.system")
    (True, False)
    """
    module, _, name = path.rpartition(".")
    package = path.partition(".")[0]
    if package not in _SHIPPED:
        return False
    try:
        if find_spec(module) is None:
            return False
        found = getattr(import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.partition(".")[0] == package


def _is_ones_own(path: str, folder: Path) -> bool:
    """Whether its module is a file or a package in the working directory, and not of the run."""
    top, *rest = path.split(".")[:-1]
    here = Path.cwd()
    if rest and not (here / top / "__init__.py").is_file():
        return False  # a folder that is no package, such as that of all runs
    module = here.joinpath(top, *rest)
    files = (module.with_name(f"{module.name}.py"), module / "__init__.py")
    return any(f.is_file() and folder.resolve() not in f.resolve().parents for f in files)
