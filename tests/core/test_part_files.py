"""Temporary files: one for each writer; those of killed processes are removed, others stay."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import deepdigits
from deepdigits.core.files import atomic_path, write_text
from deepdigits.core.part_files import part_folder

ROOT = Path(deepdigits.__file__).parents[1]
needs_fcntl = pytest.mark.skipif(os.name == "nt", reason="Windows has no fcntl")
WRITES = """
import sys, time
from pathlib import Path
from deepdigits.core.files import atomic_path
from deepdigits.core.part_files import part_folder
with part_folder(Path(".")) as folder, atomic_path(Path(sys.argv[1])) as part:
    part.write_text("half")
    (folder / "a").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def writer(name: str) -> subprocess.Popen[str]:
    """A process that is in the middle of a file."""
    command = [sys.executable, "-c", WRITES, name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def parts() -> list[str]:
    return sorted(path.name for path in Path().glob("*.part"))


@needs_fcntl
def test_next_writer_removes_what_a_killed_one_left() -> None:
    kill(writer("report.json"))
    assert len(parts()) == 2  # its file and its folder
    write_text(Path("other.txt"), "whole")
    assert parts() == []
    assert sorted(os.listdir()) == ["other.txt"]


@needs_fcntl
def test_file_of_a_running_writer_stays() -> None:
    process = writer("report.json")
    before = parts()
    write_text(Path("report.json"), "mine")
    assert parts() == before
    kill(process)
    assert Path("report.json").read_text() == "mine"


def test_two_writers_of_one_file_do_not_meet() -> None:
    target = Path("report.json")
    with atomic_path(target) as first:
        first.write_text("first")
        with atomic_path(target) as second:
            second.write_text("second")
            assert first.read_text() == "first"
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert parts() == []


def test_files_of_users_stay() -> None:
    names = [
        "film.part",
        "report.json.part",
        "a.0123456789abcdeg.part",
        "a.0123456789abcdef.part.x",
    ]
    for name in names:
        Path(name).touch()
    write_text(Path("report.json"), "whole")
    assert all(Path(name).is_file() for name in names)


@pytest.mark.parametrize("name", ["[a]*.png", "a" * 240, "\N{SNOWMAN}" * 60])
def test_any_name_that_a_file_can_have_can_be_written(name: str) -> None:
    write_text(Path(name), "whole")
    assert os.listdir() == [name]


def test_failure_leaves_the_old_file_and_nothing_else() -> None:
    write_text(Path("a"), "old")
    with pytest.raises(ZeroDivisionError), atomic_path(Path("a")) as part:
        part.write_text("new")
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), part_folder(Path()) as folder:
        (folder / "b").touch()
        _ = 1 / 0
    assert Path("a").read_text() == "old"
    assert os.listdir() == ["a"]
