"""``bench memory``: peak memory of a training, and of the import of its libraries alone."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from deepdigits.benchmarks.timing import Result, measure
from deepdigits.core.errors import InputError
from deepdigits.runs.bundled_configs import config_path

BARE = "import torch, lightning.pytorch"
# A small process in between: the peak of a child includes the memory of its parent at the start.
_WATCH = """\
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def bench_memory(config: str = "cnn", repeats: int = 3, batches: int = 20) -> Result:
    """Measure the peak resident memory of a short `deepdigits train` in a separate process.

    One epoch of a few batches, with full validation, test, figures and checkpoints, needs as much
    memory as a longer training.

    Args:
        config: The config to train.
        repeats: Number of processes of each kind.
        batches: Number of training batches.

    Raises:
        InputError: The config cannot be read, or a process fails.
    """
    path = str(Path(config_path(config)).resolve())
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
    measurements = {"repeats": repeats, "peak_mb": peaks, "above_mb": above, "ratio": ratio}
    return Result("memory", task, ("", "median", "above import", "ratio"), rows, measurements)


def peak_mb(args: Sequence[str]) -> float:
    """Peak resident memory of a Python process with these arguments, in MB (10^6 bytes).

    Raises:
        InputError: The process fails, or the system does not measure memory (Windows).
    """
    command = [sys.executable, "-c", _WATCH, sys.executable, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["without a message"]
        raise InputError(f"the process `python {' '.join(args)}` failed: {lines[-1]}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes per unit of ru_maxrss
    return int(done.stdout) * unit / 1e6
