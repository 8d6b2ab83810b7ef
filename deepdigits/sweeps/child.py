"""Run a command of deepdigits in a process that ends with its parent: PARENT COMMAND ...

A worker of a search that is killed cannot stop the training that it has started, and another worker
goes on with the same run folder. So the training itself is told (Linux only): it gets SIGTERM,
saves and ends. Elsewhere the lock of the run folder keeps the two apart.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with(parent: int) -> None:
    """Get SIGTERM when the parent ends; now, if it has ended already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    sys.argv = ["deepdigits", *sys.argv[2:]]
    runpy.run_module("deepdigits", run_name="__main__")  # as `python -m deepdigits` does
