"""Run git commands."""

import subprocess
from pathlib import Path


def git(folder: Path, *args: str) -> str | None:
    """Output of a git command in a folder; None if it fails, or git is not installed.

    Args:
        folder: A folder of a checkout.
        args: The command and its options.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
