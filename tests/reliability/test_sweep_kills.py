"""A search whose workers are killed at any moment ends with exactly its number of trials."""

import collections
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ledger import Ledger

optuna = pytest.importorskip("optuna", reason="pip install 'deepdigits[sweep]'")

from postgres import Server  # noqa: E402
from sweep_worker import opened  # noqa: E402

from deepdigits.sweeps import slots  # noqa: E402

SCRIPT = Path(__file__).with_name("sweep_worker.py")
WORKERS, TOTAL = 4, 40
DEADLINE = 400.0  # seconds


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'study.db'}"
        return
    server = request.getfixturevalue("server")
    yield server.url


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    # Not in pytest's folder, which other users may not enter.
    with TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        (folder := Path(base, "server")).mkdir()
        made = Server(folder)
        made.start()
        try:
            yield made
        finally:
            made.stop()


def start(url: str, folder: Path, total: int = TOTAL) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(SCRIPT), url, str(folder), str(total)]
    with (folder / "errors").open("ab") as errors:
        return subprocess.Popen(command, stderr=errors)


def check(url: str, folder: Path, total: int) -> None:
    """Exactly `total` slots are done, each once, with the values that their trials wrote."""
    with opened(url, folder) as study:
        trials = study.get_trials()
    states = collections.Counter(trial.state.name for trial in trials)
    done = [trial for trial in trials if trial.state in slots.DONE]
    assert len({slots.slot_of(trial) for trial in done}) == len(done) == total, states
    assert states["RUNNING"] == states["WAITING"] == 0
    written = [line.split() for line in (folder / "values").read_text().splitlines()]
    values = {(int(slot), float(value)) for slot, _, value, _ in written}
    assert {(slots.slot_of(trial), trial.value) for trial in done} <= values
    assert "Traceback" not in (folder / "errors").read_text()


def end(workers: list["subprocess.Popen[bytes]"], folder: Path) -> None:
    limit = time.monotonic() + DEADLINE
    try:
        codes = [worker.wait(max(1.0, limit - time.monotonic())) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert codes == [0] * len(workers), (folder / "errors").read_text()


def wait_for_first(folder: Path, workers: list["subprocess.Popen[bytes]"]) -> None:
    """Wait until each worker has ended a trial."""
    values = folder / "values"
    pids = {str(worker.pid) for worker in workers}
    while not values.exists() or not pids <= {
        line.split()[-1] for line in values.read_text().splitlines()
    }:
        time.sleep(0.05)
        assert all(worker.poll() is None for worker in workers)


@pytest.mark.reliability
def test_thirty_kills_lose_no_trial_and_double_none(
    url: str, tmp_path: Path, ledger: Ledger
) -> None:
    random_ = random.Random(0)
    workers = [start(url, tmp_path) for _ in range(WORKERS)]
    with ledger(f"worker of a search killed, {url.partition(':')[0]}", 0) as count:
        for _ in range(30):
            time.sleep(random_.uniform(0.2, 2.5))
            place = random_.randrange(WORKERS)
            workers[place].send_signal(signal.SIGKILL)
            workers[place].wait()
            count(1)
            workers[place] = start(url, tmp_path)
        end(workers, tmp_path)
        check(url, tmp_path, TOTAL)


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.reliability)])
def test_six_first_starts_at_once_are_one_search(
    url: str, times: int, tmp_path: Path, ledger: Ledger
) -> None:
    with ledger(f"six first starts at once, {url.partition(':')[0]}", 0) as count:
        for number in range(times):
            folder = tmp_path / f"start_{number}"
            folder.mkdir()
            own = url.replace("study.db", f"study_{number}.db")
            end([start(own, folder, 6) for _ in range(6)], folder)
            check(own, folder, 6)
            count(1)
            if "postgresql" in url:
                _drop(url)


def test_the_server_is_stopped_and_started_again(
    server: Server, tmp_path: Path, ledger: Ledger
) -> None:
    with ledger("server of a search stopped and started"):
        workers = [start(server.url, tmp_path, 60) for _ in range(WORKERS)]
        wait_for_first(tmp_path, workers)
        server.stop()
        time.sleep(3)
        server.start()
        end(workers, tmp_path)
        check(server.url, tmp_path, 60)


def _drop(url: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP SCHEMA public CASCADE"))
        connection.execute(sqlalchemy.text("CREATE SCHEMA public"))
    engine.dispose()


def test_one_kill_is_noticed_and_the_trial_is_done_by_another(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    worker = start(url, tmp_path, 3)
    wait_for_first(tmp_path, [worker])
    time.sleep(0.15)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    end([start(url, tmp_path, 3)], tmp_path)
    check(url, tmp_path, 3)
