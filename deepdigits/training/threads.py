"""Choose the number of CPU threads of a training by trying them.

Threads wait for each other in each layer. Where another program uses one of the cores, all wait for
the thread that shares it: two threads then take three times as long as one. Where the cores are
free, two are nearly twice as fast. Nothing but a trial tells which it is.
"""

from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from deepdigits.core.console import say
from deepdigits.core.errors import OneLine
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.dry_steps import Step, dry_steps

_MAX_TURNS = 7  # a turn has each number of threads once
_SECONDS = 1.0  # after which no further turn begins
# Seconds of passes with one number, at least. Shorter, the system would let them run through before
# it gives the core to the other program, and starting the threads would count.
_MIN_SECONDS = 0.05
_FEW_IMAGES, _MANY_IMAGES = 16, 256  # of a pass: few to begin with, many if they are quick
_LONG = 0.3  # seconds of a pass
_TOLERANCE = 1.05  # fewer threads are chosen if they take no longer than this times the shortest
_MEASURED = ("32-true", "16-mixed", "bf16-mixed")  # in others the net is converted later


def fastest_threads(
    module: LightningModule, data: LightningDataModule, trainer: Trainer
) -> int | None:
    """The number of threads with which a net trains fastest, here and now; says it in one line.

    Returns:
        None: it was not measured, so the number of torch stays. That is so with one core, on a
        GPU, with several processes, with ``trainer.precision`` such as bf16-true, for a net that is
        not a LitClassifier, and for one that fails: the training then explains it.
    """
    most = torch.get_num_threads()
    is_measured = (
        most > 1
        and trainer.strategy.root_device.type == "cpu"
        and trainer.world_size == 1
        and trainer.precision in _MEASURED
        and isinstance(module, LitClassifier)
    )
    if not is_measured:
        return None
    assert isinstance(module, LitClassifier)
    numbers = candidates(most)
    try:
        precision = trainer.precision_plugin.train_step_context()
        with dry_steps(module, module.net, data, precision) as step:
            if step is None:
                return None
            size = _images_of_a_pass(step)
            times = _trial(partial(step, size), numbers)
    except OneLine:
        raise
    except Exception:  # the training explains it
        return None
    finally:
        torch.set_num_threads(most)
    seconds = {number: median(of_number) for number, of_number in times.items()}
    chosen = choose(seconds)
    others = ", ".join(f"{1000 * seconds[n]:.1f} ms with {n}" for n in numbers if n != chosen)
    say(
        f"threads     {chosen}, as a batch takes {1000 * seconds[chosen]:.1f} ms ({others}); "
        "to choose yourself pass --num_threads N"
    )
    return chosen


def candidates(most: int) -> list[int]:
    """The numbers of threads to try: powers of two, and the highest.

    >>> candidates(2), candidates(12)
    ([1, 2], [1, 2, 4, 8, 12])
    """
    powers = [2**k for k in range(most.bit_length()) if 2**k < most]
    return [*powers, most]


def choose(seconds: dict[int, float]) -> int:
    """The lowest number of threads that takes nearly the shortest time.

    >>> choose({1: 1.02, 2: 1.0}), choose({1: 1.7, 2: 1.0}), choose({1: 1.0, 2: 2.7})
    (1, 2, 1)
    """
    shortest = min(seconds.values())
    return min(number for number, time in seconds.items() if time <= _TOLERANCE * shortest)


def _images_of_a_pass(step: Step) -> int:
    """How many images a pass may have to be no long one; they are at most those of a batch."""
    step(_FEW_IMAGES)  # prepares
    start = perf_counter()
    step(_FEW_IMAGES)
    seconds = perf_counter() - start
    return max(_FEW_IMAGES, min(_MANY_IMAGES, int(_FEW_IMAGES * _LONG / max(seconds, 1e-9))))


def _trial(step: Callable[[], None], numbers: list[int]) -> dict[int, list[float]]:
    """Seconds of a pass with each number of threads, in turn; of each turn the mean."""
    times: dict[int, list[float]] = {number: [] for number in numbers}
    began = perf_counter()
    for turn in range(_MAX_TURNS + 1):
        if turn > 1 and perf_counter() - began > _SECONDS:
            break
        for number in numbers:
            torch.set_num_threads(number)
            start, passes, seconds = perf_counter(), 0, 0.0
            while seconds < _MIN_SECONDS:
                step()
                passes, seconds = passes + 1, perf_counter() - start
            if turn:  # the first turn prepares
                times[number].append(seconds / passes)
    return times
