"""``bench memory``: peak memory of a training, against the bare import of its libraries."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from deepdigits.benchmarks.timing import Result, check_config, measure
from deepdigits.core.errors import InputError

BARE = "import torch, lightning.pytorch"
# A small process in between: a child counts the memory of the process that starts it as its own.
_WATCH = """\
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def bench_memory(config: str = "configs/cnn.yaml", repeats: int = 3, batches: int = 20) -> Result:
    """Peak resident memory of a short `deepdigits train` in a process of its own.

    One epoch of a few batches, with validation, test, pictures and checkpoints in full: a longer
    training needs no more.

    Args:
        config: What to train.
        repeats: Processes of each.
        batches: Training batches.

    Raises:
        InputError: The config cannot be read, or a process fails.
    """
    path = str(Path(check_config(config)).resolve())
    short = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", str(batches)]

    def train() -> float:
        with TemporaryDirectory() as folder:
            own = [*short, "--logger.save_dir", folder]
            return peak_mb(["-m", "deepdigits", "train", "-c", path, *own])

    training = f"deepdigits train -c {config}"
    peaks = measure({BARE: lambda: peak_mb(["-c", BARE]), training: train}, repeats)
    medians = {name: median(values) for name, values in peaks.items()}
    above = {name: round(medians[name] - medians[BARE], 1) for name in peaks}
    ratio = {name: round(medians[name] / medians[BARE], 3) for name in peaks}
    rows = [
        [name, f"{medians[name]:.0f} MB", f"{above[name]:+.0f} MB", f"{ratio[name]:.2f} x"]
        for name in peaks
    ]
    task = f"peak resident memory of a process; {batches} training batches, full validation, test"
    figures = {"repeats": repeats, "peak_mb": peaks, "above_mb": above, "ratio": ratio}
    return Result("memory", task, ("", "median", "above bare", "ratio"), rows, figures)


def peak_mb(args: Sequence[str]) -> float:
    """Peak resident memory of a Python process with these arguments, in MB (10^6 bytes).

    Raises:
        InputError: The process fails, or the system counts no memory (Windows).
    """
    command = [sys.executable, "-c", _WATCH, sys.executable, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise InputError(f"the process `python {' '.join(args)}` failed: {said[-1]}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return int(done.stdout) * unit / 1e6
