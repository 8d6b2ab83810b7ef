"""The configs that come with the package, found by a name such as ``cnn`` or ``recipes/record``."""

import os
import re
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.suggestions import did_you_mean

_PACKAGE = Path(__file__).parents[1]
_INSTALLED = _PACKAGE / "configs"  # where the wheel has them; in a checkout they are next to it
FOLDER = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "configs"
_ORDER = (".", "recipes", "data", "trainer")  # the first two run alone


@dataclass(frozen=True)
class BundledConfig:
    """A config that comes with the package.

    Attributes:
        path: Its file.
    """

    path: Path

    @property
    def name(self) -> str:
        """The stem of its file, which no other one has."""
        return self.path.stem

    @property
    def long_name(self) -> str:
        """Its name with the folder, such as ``recipes/record``."""
        return self.path.relative_to(FOLDER).with_suffix("").as_posix()

    @property
    def is_stacked(self) -> bool:
        """Whether it only changes settings of another config, and does not run alone."""
        return _folder(self.path) not in _ORDER[:2]

    @property
    def header(self) -> str:
        """The comment at its top: a line for each paragraph, without the command."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        comment = [line[2:] for line in takewhile(lambda line: line.startswith("#"), lines)]
        text = "\n".join("" if line.startswith(" ") else line for line in comment)
        return "\n".join(" ".join(part.split()) for part in re.split(r"\n{2,}", text))


def list_configs() -> list[BundledConfig]:
    """The bundled configs: those that run alone first, each folder by name."""
    paths = [path for path in FOLDER.rglob("*.yaml") if _folder(path) in _ORDER]
    paths.sort(key=lambda path: (_ORDER.index(_folder(path)), path.stem))
    return [BundledConfig(path) for path in paths]


def find_config(name: str) -> BundledConfig:
    """The bundled config of a name, with or without its folder.

    Raises:
        InputError: There is none.

    >>> find_config("record") == find_config("recipes/record")
    True
    """
    known = _by_name()
    if name not in known:
        what = did_you_mean(name.lower(), known) or f"; choose from {', '.join(config_names())}"
        raise InputError(f"no config {name} comes with the package{what}")
    return known[name]


def config_path(value: str) -> str:
    """The file that a value of ``-c`` means: a file of that path, else a bundled config.

    Names are looked up among those of the bundled configs, so no path leads to one of them.

    Raises:
        InputError: It is neither.
    """
    known = _by_name()
    if os.path.exists(value) and not os.path.isdir(value):
        return value
    if value not in known:
        raise InputError(f"config {value} {_missing(value, known)}")
    for own in (f"{value}.yaml", f"{value}.yml"):
        if os.path.isfile(own):
            say(
                f"note: {value} is the config that comes with the package; for the file in this "
                f"folder type {own}",
                error=True,
            )
    return str(known[value].path)


def _missing(value: str, known: dict[str, BundledConfig]) -> str:
    """What is wrong with a value that is neither a file nor a name."""
    what = "is a folder, expected a file" if os.path.isdir(value) else "does not exist"
    name = re.sub(r"^(.*/)?configs/|\.ya?ml$", "", value)
    if name in known:
        return f"{what}: the one that comes with the package is named {known[name].name}"
    ways = "; `deepdigits configs` lists those that come with the package"
    return what + (did_you_mean(name.lower(), known) or ways)


def _folder(path: Path) -> str:
    return path.parent.relative_to(FOLDER).as_posix()


def config_names() -> list[str]:
    """The names of the bundled configs, without folders."""
    return [config.name for config in list_configs()]


def _by_name() -> dict[str, BundledConfig]:
    configs = list_configs()
    return {c.long_name: c for c in configs} | {c.name: c for c in configs}
