"""The code of another commit, for ``bench --baseline``; the checkout itself is not touched."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import unpack_archive
from tempfile import TemporaryDirectory

from deepdigits.core import environment
from deepdigits.core.errors import InputError
from deepdigits.core.git import git


def current_commit(root: Path) -> str:
    """The commit of a checkout of deepdigits, with ``+`` if it has uncommitted changes.

    Raises:
        InputError: The folder is not a git checkout of deepdigits, or git is not installed.
    """
    commit = environment.git_commit(root / "deepdigits" / "__init__.py")
    if commit is None:
        raise InputError(
            f"--baseline compares two commits, but {root} is not a git checkout of deepdigits, or "
            "git is not installed: clone the repository and call it there"
        )
    return commit


def find_commit(root: Path, revision: str | None) -> str:
    """The full name of a commit.

    Args:
        root: A checkout of deepdigits.
        revision: A commit, branch or tag. None: the baseline recorded in pyproject.toml.

    Raises:
        InputError: No baseline is recorded, or the commit does not exist in this clone.
    """
    name = recorded_baseline(root) if revision is None else revision
    commit = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is None:
        where = " of pyproject.toml" if revision is None else ""
        raise InputError(
            f"baseline {name}{where} is not a commit of this clone; if the clone is shallow: "
            "git fetch --unshallow"
        )
    return commit


def recorded_baseline(root: Path) -> str:
    """``baseline`` of the table ``[tool.deepdigits]`` of pyproject.toml.

    Raises:
        InputError: There is none.
    """
    try:
        content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return str(content["tool"]["deepdigits"]["baseline"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InputError(
            f'{root / "pyproject.toml"} records no baseline (expected baseline = "COMMIT" in '
            "[tool.deepdigits]): add it, or name a commit: --baseline COMMIT"
        ) from error


@contextmanager
def exported(root: Path, commit: str) -> Iterator[Path]:
    """A temporary folder with the files of a commit in ``code``, removed at the end.

    Raises:
        InputError: git cannot export the commit.
    """
    with TemporaryDirectory(prefix="deepdigits-baseline-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        archive = folder / "code.zip"
        if git(root, "archive", "--format=zip", f"--output={archive}", commit) is None:
            raise InputError(f"git cannot export {commit}: `git archive {commit}` says why")
        unpack_archive(archive, folder / "code")
        yield folder
