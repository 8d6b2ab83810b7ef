"""Pictures on all cores: the same pixels from processes, from any script, and no hang."""

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from PIL import Image

import deepdigits
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.data.paths import parallel
from deepdigits.data.paths.dataset import open_path
from deepdigits.data.paths.parallel import framing_in_parallel
from deepdigits.data.paths.pictures import frame_each

KILL = "import os; os.kill(os.getpid(), 9) # {}"
EXIT = "raise SystemExit(3) # {}"


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, also for few pictures."""
    monkeypatch.setattr(parallel, "MIN_PICTURES", 4)
    monkeypatch.setattr(parallel, "available_cores", lambda: 2)


@pytest.fixture
def files(pages: dict[int, Image.Image]) -> list[Path]:
    made = []
    for number in range(40):
        path = Path("f", str(number % 10), f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        pages[number % 10].rotate(number, fillcolor=255).save(path)
        made.append(path.absolute())
    return made


def results(pictures: Any) -> list[Any]:
    with framing_in_parallel(pictures, "photo") as some:
        return [one for result in some for one in result]


def same(one: list[Any], other: list[Any]) -> bool:
    """Whether pixels, size and polarity are equal."""
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(a[0], b[0]) and a[1:] == b[1:] for a, b in pairs)


def test_processes_return_what_one_process_does(files: list[Path]) -> None:
    expected = frame_each(files, "photo")
    assert same(results(files), expected)
    arrays = np.array([np.asarray(Image.open(file)) for file in files])
    assert same(results(arrays), expected)


def test_a_damaged_picture_is_named(files: list[Path]) -> None:
    files[30].write_bytes(b"damaged")
    assert isinstance(results(files)[30], InputError)
    with pytest.raises(InputError, match=r"f/0/30\.png is not a readable image.*skip_damaged true"):
        open_path(str(Path("f").absolute()), Path("data"), 0, False, "photo")


@pytest.mark.parametrize(
    ("start", "reason"), [(KILL, "was ended by signal 9"), (EXIT, "ended with exit code 3")]
)
def test_a_process_that_ends_is_one_line(
    start: str, reason: str, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "_START", start)
    begin = monotonic()
    with pytest.raises(RunFailed, match=f"a process that prepares the dataset {reason}: "):
        results(files)
    assert monotonic() - begin < 30


def test_a_process_that_fails_is_one_line() -> None:
    with pytest.raises(RunFailed, match=r"failed \(AttributeError: .*\): start again"):
        results([None] * 8)


def test_all_processes_end_when_the_work_is_given_up(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        "subprocess.Popen", lambda *args, **kw: started.append(popen(*args, **kw)) or started[-1]
    )
    with pytest.raises(KeyboardInterrupt), framing_in_parallel(files, "photo") as some:
        next(some)
        raise KeyboardInterrupt
    assert [process.poll() is not None for process in started] == [True, True]


SCRIPT = """
from pathlib import Path
from deepdigits.data.paths import parallel
from deepdigits.data.paths.dataset import open_path
print("started")
parallel.MIN_PICTURES, parallel.available_cores = 4, lambda: 2
print(open_path(str(Path("f").absolute()), Path("data"), 0, False, "photo").num_train)
"""


@pytest.mark.parametrize("how", ["script", "stdin"])
def test_a_script_needs_no_guard(how: str, files: list[Path]) -> None:
    Path("script.py").write_text(SCRIPT)
    package = str(Path(deepdigits.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "script.py" if how == "script" else "-"],
        input=SCRIPT,
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["started", "34"], done.stderr
