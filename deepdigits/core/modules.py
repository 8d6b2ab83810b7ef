"""Import modules from the working directory."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importable_working_directory() -> Iterator[None]:
    """Let modules in the working directory be imported, after all installed ones.

    A net of the user is found there and hides no package. Afterwards sys.path is as before.
    """
    path = list(sys.path)
    sys.path.append(os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = path
