"""`deepdigits` in a process of its own, without the seconds that importing torch takes.

A fork server imports everything once. Each command line is a process forked from it, which calls
the console script's function and can be killed like any other process.
"""

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
ROOT = Path(__file__).parents[2]


def start(args: list[str], folder: Path, to: str = "output.txt", **environment: str) -> BaseProcess:
    """Start a command line in a folder; its output goes into a file there."""
    CONTEXT.set_forkserver_preload(["deepdigits.training.cli", "matplotlib.pyplot", "shell"])
    environment = {"DEEPDIGITS_DATA": os.environ["DEEPDIGITS_DATA"]} | environment
    process = CONTEXT.Process(target=_main, args=(args, str(folder), to, environment))
    process.start()
    return process


def finish(args: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """Run a command line to its end: exit code and output."""
    process = start(args, folder, **environment)
    process.join()
    assert process.exitcode is not None
    return process.exitcode, output(folder)


def output(folder: Path) -> str:
    """The output so far of the command line that was started last in this folder."""
    return (folder / "output.txt").read_text()


def _main(args: list[str], folder: str, to: str, environment: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    sink = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # in order with stderr
    sys.argv = ["deepdigits", *args]

    from deepdigits.__main__ import main

    main()
