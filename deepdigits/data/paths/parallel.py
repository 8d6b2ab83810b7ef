"""Bring many pictures to 28x28 on all cores: in threads, or in processes.

Decoding is done by Pillow, and threads share it well. Cropping to the ink is many short calls from
Python, which run one at a time however many threads there are: so many pictures get processes.

They are started as programs of their own. multiprocessing would import the user's script again,
which needs ``if __name__ == "__main__"`` there, or fork a process that has threads.
"""

import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import cast

from deepdigits.core.environment import available_cores
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.data.paths.framing import Way
from deepdigits.data.paths.pictures import Framed, Picture, Pictures, frame_each

MIN_PICTURES = 1_000  # for processes: each takes a second to start
_CHUNKS: dict[Way, int] = {"photo": 16, "fit": 200, "none": 200}  # pictures in a task
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_START = (
    "import sys; sys.path[:] = {}; from deepdigits.data.paths.picture_process import main; main()"
)

Result = list[Framed | InputError]


@contextmanager
def framing_in_parallel(
    pictures: Pictures, way: Way, dark_on_light: bool | None = None
) -> Iterator[Iterator[Result]]:
    """The results of `frame_each` for all pictures, in their order, some at a time.

    Raises:
        RunFailed: A process was killed, or failed.
    """
    cores, size = available_cores(), _CHUNKS[way]
    starts = range(0, len(pictures), size)
    needs_processes = way == "photo" and len(pictures) >= MIN_PICTURES and cores > 1
    processes = _Processes(min(cores, len(starts))) if needs_processes and sys.executable else None
    work = frame_each if processes is None else processes.frame_each

    def task(start: int) -> Result:
        return work(cast(Sequence[Picture], pictures[start : start + size]), way, dark_on_light)

    # The filters of warnings, which each image changes, belong to all threads: restored here.
    with warnings.catch_warnings(), ThreadPoolExecutor(cores) as pool:
        warnings.simplefilter("ignore")
        try:
            yield pool.map(task, starts)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            if processes is not None:
                processes.close()


class _Processes:
    """Processes that wait for tasks; each thread uses one at a time."""

    def __init__(self, number: int) -> None:
        path = [one for one in sys.path if isinstance(one, str)]
        command = [sys.executable, "-c", _START.format(path)]
        environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
        self._all: list[subprocess.Popen[bytes]] = []
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for _ in range(number):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._all.append(process)
            self._idle.put(process)

    def frame_each(
        self, pictures: Sequence[Picture], way: Way, dark_on_light: bool | None
    ) -> Result:
        process = self._idle.get()
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump((pictures, way, dark_on_light), process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            answer: Result | str = pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            process.kill()
            code = process.wait()
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise RunFailed(
                f"a process that prepares the dataset {how}: if memory is short, end other "
                "programs; start again"
            ) from error
        finally:
            self._idle.put(process)
        if isinstance(answer, str):
            raise RunFailed(f"a process that prepares the dataset failed ({answer}): start again")
        return answer

    def close(self) -> None:
        for process in self._all:
            process.kill()
        for process in self._all:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # of what a killed process was still to get
                        pipe.close()
