"""Import modules from the working directory, if the user has named one of them."""

import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

VARIABLE = "DEEPDIGITS_TRUST"
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


@contextmanager
def importable_working_directory(names: Collection[str]) -> Iterator[None]:
    """Let modules in the working directory be imported.

    They hide no package. As long as none is imported, only those with the given names are found: a
    package that looks for an optional one does not get a file of that name. Then the others are
    found too, as one module of a user may import another.

    Args:
        names: Top-level names of modules that the user has named.
    """
    finder = _WorkingDirectory(names)
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def named_modules(words: Sequence[str]) -> set[str]:
    """Top-level names in the dotted words of a command line, and in DEEPDIGITS_TRUST.

    >>> sorted(named_modules(["--model", "my_net.LitWide", '--a=[{"class_path": "b.C"}]']))
    ['b', 'my_net']
    """
    dotted = [*listed_modules(), *(name for word in words for name in _DOTTED.findall(word))]
    return {name.partition(".")[0] for name in dotted}


def listed_modules() -> list[str]:
    """The modules in DEEPDIGITS_TRUST, which are separated by commas."""
    return [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]


class _WorkingDirectory(MetaPathFinder):
    """Finds modules in the folder that is the working directory when it is made."""

    def __init__(self, names: Collection[str]) -> None:
        self.folder = os.getcwd()
        self.names = names
        self.is_open = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module in the working directory; None if there is none, or it is not named."""
        if path is not None or not (self.is_open or fullname in self.names):
            return None
        spec = PathFinder.find_spec(fullname, [self.folder], target)
        self.is_open |= spec is not None
        return spec
