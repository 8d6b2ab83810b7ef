"""Hardware, package versions and git commit, for reports and benchmarks."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from deepdigits.core.git import git
from deepdigits.core.version import __version__


def available_cores() -> int:
    """Number of cores that this process may use; not every system can restrict it to some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def hardware() -> dict[str, Any]:
    """CPU, number of cores that this process may use, threads of torch, and GPU if there is one."""
    return {
        "cpu": _cpu_name(),
        "cores": available_cores(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that influence the results."""
    packages = ("torch", "torchvision", "lightning", "torchmetrics")
    return {
        "deepdigits": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def git_commit(file: str | Path = __file__) -> str | None:
    """Commit of the git checkout that contains this package, with ``+`` if files were changed.

    Args:
        file: A file of the package.

    Returns:
        The commit. None if the package is not in a checkout, or git is not installed.
    """
    folder = Path(file).parent
    if git(folder, "ls-files", "--error-unmatch", str(file)) is None:
        return None
    return git(folder, "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*")


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
