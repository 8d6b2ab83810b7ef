"""Functions that run in several processes: what comes back, and that no process is left."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import Any
from unittest import mock

import pytest

from deepdigits.core.errors import InputError, Interrupted, RunFailed
from deepdigits.training import launching
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.launching import run_in_processes
from deepdigits.training.message_filters import filtered_messages
from deepdigits.training.started_process import Launch, Starter

pytestmark = pytest.mark.distributed
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No process is left, and a warning that a fork may hang is no error."""
    with filtered_messages():
        yield
    assert multiprocessing.active_children() == []


def launch(work: Callable[..., Any], *args: Any, method: str = "fork") -> Any:
    settings = Launch(method, 2, {**os.environ, "EXTRA": "set"})
    with GracefulShutdown() as shutdown:
        return run_in_processes(work, args, settings, shutdown)


def rank() -> int:
    return int(os.environ["LOCAL_RANK"])


def surroundings(starter: Starter, word: str) -> list[Any]:
    Path(f"{word}{rank()}").touch()
    return [word, rank(), os.getcwd(), os.environ["EXTRA"], os.getpid()]


def test_result_of_the_first_process_comes_back_of_two() -> None:
    word, first, folder, extra, pid = launch(surroundings, "a")
    assert (word, first, folder, extra) == ("a", 0, os.getcwd(), "set") and pid != os.getpid()
    assert sorted(path.name for path in Path().iterdir()) == ["a0", "a1"]
    assert "LOCAL_RANK" not in os.environ and "EXTRA" not in os.environ


def large(starter: Starter) -> bytes:
    Timer(0.3, Path(f"end{rank()}").touch).start()  # the process ends after this thread
    return bytes(5_000_000)


def test_large_result_comes_back_and_processes_end_by_themselves() -> None:
    assert len(launch(large)) == 5_000_000
    assert Path("end0").exists() and Path("end1").exists()


class OwnError(Exception):
    """Cannot be pickled, as many exceptions whose constructor takes other arguments."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"{name} {number}")


def fail(starter: Starter, kind: str) -> None:
    if rank() == 0:  # has lost its peer, and says so first
        raise RuntimeError("gloo: Connection closed by peer")
    time.sleep(0.3)
    if kind == "line":
        raise InputError("no such file")
    if kind == "bug":
        raise ZeroDivisionError("a bug")
    if kind == "own":
        raise OwnError("a bug", 3)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("line", InputError, "^no such file$"),
        ("bug", ZeroDivisionError, "a bug"),
        ("own", RuntimeError, "OwnError: a bug 3"),
        ("killed", RunFailed, "another process of this run has ended"),
    ],
)
def test_cause_of_a_failure_is_raised(kind: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        launch(fail, kind)
    notes = "".join(getattr(caught.value, "__notes__", [str(caught.value)]))
    assert ("raise ZeroDivisionError" in notes) == (kind == "bug")
    assert ("in process 1" in notes) == (kind in ("bug", "own"))


def kill_both(starter: Starter) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes_that_are_killed_are_one_line() -> None:
    with pytest.raises(RunFailed, match="another process of this run has ended"):
        launch(kill_both)


def hang(starter: Starter) -> None:
    if rank() == 1:
        raise InputError("no such file")
    time.sleep(600)


def test_process_that_waits_for_one_that_has_failed_is_ended() -> None:
    with mock.patch.object(launching, "_GRACE", 0.2), pytest.raises(InputError):
        launch(hang)


def listen(starter: Starter, seconds: float) -> str:
    with GracefulShutdown() as shutdown:
        starter.send_signals_to(shutdown)
        Path(f"ready{rank()}").write_text(str(os.getpid()))
        time.sleep(seconds)
    return "slept"


def deaf(starter: Starter) -> None:
    time.sleep(600)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_is_handed_on(signum: int, code: int) -> None:
    timer = Timer(1, os.kill, (os.getpid(), signum))
    timer.start()
    with pytest.raises(Interrupted) as stopped:
        launch(listen, 600)
    assert stopped.value.code == code and "immediately" in stopped.value.line


def test_second_signal_ends_processes_that_do_not_listen() -> None:
    for seconds in (0.5, 1):
        Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(Interrupted, match="143"):
        launch(deaf)


def test_processes_end_when_the_one_that_started_them_is_killed() -> None:
    code = (
        "import os, test_launching\nfrom threading import Timer\n"
        "ready = lambda: os.path.exists('ready0') and os.path.exists('ready1')\n"
        "kill = lambda: os.kill(os.getpid(), 9) if ready() else Timer(0.1, kill).start()\n"
        "kill()\ntest_launching.launch(test_launching.listen, 600)"
    )
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while any(is_running(f"ready{number}") for number in (0, 1)):
        assert time.monotonic() < deadline, "a process is left over"
        time.sleep(0.1)


def is_running(file: str) -> bool:
    try:
        status = Path("/proc", Path(file).read_text(), "status").read_text()
    except FileNotFoundError:
        return False
    return "zombie" not in status


def test_process_that_has_used_the_gpu_is_not_forked() -> None:
    used = mock.patch.object(launching, "gpu_used", return_value=True)
    with used, pytest.raises(InputError, match="restart the notebook"):
        launch(large)


def test_an_interruption_can_be_handed_back() -> None:
    stop = pickle.loads(pickle.dumps(Interrupted(signal.SIGUSR1, "stopped")))
    assert (stop.code, stop.line) == (143, "stopped")
