"""Memory of the page: bounded for large images and for many large bodies."""

import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
from ledger import Ledger
from page_client import PageClient, drawing, encoded, served
from PIL import Image
from test_hostile_images import png

from deepdigits.demo import predictions

pytest.importorskip("uvicorn", reason="pip install 'deepdigits[demo]'")


@pytest.fixture(scope="module")
def page(data_folder) -> PageClient:
    return served()


def test_bodies_are_limited_together_and_forgotten(page: PageClient, ledger: Ledger) -> None:
    """Each of ten is allowed; the ninth would be too much for all."""
    head = f"POST /api/predict HTTP/1.1\r\nHost: {page.host}\r\nContent-Type: image/png\r\n"
    with ledger("bodies of 80 MB at once to the page: 64 MB are held", 10):
        held = [page.open(f"{head}Content-Length: 8000000\r\n\r\n".encode()) for _ in range(10)]
        with ThreadPoolExecutor(10) as threads:
            list(threads.map(send_most, held))
            starts = list(threads.map(first_bytes, held))
        assert starts.count(b"HTTP/1.1 503") == 2 and starts.count(b"") == 8
        for connection in held:
            connection.close()
        assert page.predict(drawing()).status == 200


def send_most(connection: socket.socket) -> None:
    with suppress(ConnectionError):  # it was refused
        connection.sendall(bytes(7_900_000))


def first_bytes(connection: socket.socket) -> bytes:
    connection.settimeout(2)
    try:
        return connection.recv(12)
    except TimeoutError:
        return b""


def grey(mode: str) -> Image.Image:
    """An image of 12 million pixels."""
    ramp = np.tile(np.arange(4_000, dtype=np.uint16), (3_000, 1))
    if mode == "I;16":
        return Image.fromarray(16 * ramp)
    return Image.merge(mode, [Image.fromarray(ramp.astype(np.uint8))] * len(mode))


BOMB = png(10_000, 10_000, zlib.compress(bytes(10_000 * 10_001)))  # 97 kB
LARGE = {
    "100 million pixels": (lambda: BOMB, 400, 100),
    "12 million pixels with transparency": (lambda: encoded(grey("RGBA")), 200, 600),
    "12 million pixels of 16 bits": (lambda: encoded(grey("I;16")), 200, 600),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.reliability if number else ())
        for number, kind in enumerate(LARGE)
    ],
)
def test_memory_is_bounded_for_large_images(kind: str, data_folder: Path, ledger: Ledger) -> None:
    make, status, megabytes = LARGE[kind]
    content = make()
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")
    with (
        ledger("6 images of 12 or 100 million pixels at once to the page: memory is bounded", 6),
        started_page() as (page, pid),
        ThreadPoolExecutor(6) as threads,
    ):
        before = peak(pid)
        answers = list(threads.map(page.predict, [content] * 6))
        assert [answer.status for answer in answers] == [status] * 6
        assert peak(pid) - before < megabytes


def test_two_images_are_decoded_at_a_time(
    page: PageClient, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    decode = predictions.open_image
    running: list[None] = []
    counts = []

    def counted(*args: Any, **options: Any) -> Image.Image:
        running.append(None)
        counts.append(len(running))
        sleep(0.1)
        running.pop()
        return decode(*args, **options)

    monkeypatch.setattr(predictions, "open_image", counted)
    with (
        ledger("8 images at once to the page: two are decoded at a time", 8),
        ThreadPoolExecutor(8) as threads,
    ):
        answers = list(threads.map(page.predict, [drawing()] * 8))
        assert [answer.status for answer in answers] == [200] * 8
        assert max(counts) == 2


@contextmanager
def started_page() -> Iterator[tuple[PageClient, int]]:
    """The page in a process of its own, and the number of that."""
    command = [
        sys.executable,
        "-c",
        "from page_client import served; print(served().port); input()",
    ]
    paths = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # the address, for people
            yield PageClient(int(process.stdout.readline())), process.pid
        finally:
            process.kill()


def peak(pid: int) -> float:
    """The largest memory of a process so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1_000
