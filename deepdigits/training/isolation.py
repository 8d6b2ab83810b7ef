"""Keep a training from changing the process that calls it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock

import torch

from deepdigits.core.modules import importable_working_directory
from deepdigits.training.callbacks.rng_state import random_state, set_random_state
from deepdigits.training.config_flags import typed_modules

_LOCK = RLock()


@contextmanager
def isolated(args: Sequence[str]) -> Iterator[None]:
    """Restore the state of the process when the block ends.

    Restored are the working directory, sys.path, the environment, the number of torch threads,
    the precision of matrix products, the random generators and torch's deterministic mode. A
    training sets all of them: Lightning seeds the generators and writes variables, and a user's
    module may change the directory. A second thread waits until the block ends: two blocks at once
    would restore each other's state.

    Inside the block, modules in the working directory that the arguments name can be imported.

    Args:
        args: Configs and flags.
    """
    with _LOCK:
        directory, environment = os.getcwd(), dict(os.environ)
        threads, generators = torch.get_num_threads(), random_state()
        deterministic = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        benchmark, precision = torch.backends.cudnn.benchmark, _matmul_precision()
        try:
            with importable_working_directory(typed_modules(args)):
                yield
        finally:
            os.chdir(directory)
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
            os.environ.update(environment)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            torch.backends.cudnn.benchmark = benchmark
            if precision is not None and _matmul_precision() != precision:
                torch.set_float32_matmul_precision(precision)
            set_random_state(generators)


def _matmul_precision() -> str | None:
    """The precision of float32 matrix products; None if it was set for each backend."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # torch 2.14, after torch.backends.cuda.matmul.fp32_precision was set
        return None
