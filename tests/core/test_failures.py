"""Failures of the machine become one line that names the way out, with its exit code."""

import errno
import os

import pytest

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.failures import explain


@pytest.mark.parametrize(
    ("number", "kind", "way_out"),
    [
        (errno.ENOSPC, RunFailed, "free some space"),
        (errno.EDQUOT, RunFailed, "free some space"),
        (errno.EFBIG, RunFailed, "ulimit -f"),
        (errno.EMFILE, RunFailed, "ulimit -n"),
        (errno.ENOMEM, RunFailed, "ulimit -v"),
        (errno.EACCES, RunFailed, "may write"),
        (errno.EROFS, RunFailed, "may write"),
        (errno.EEXIST, InputError, "in the way"),
        (errno.ENOTDIR, InputError, "in the way"),
        (errno.ENAMETOOLONG, InputError, "no file can have"),
        (errno.ESTALE, RunFailed, "train stopped"),
    ],
)
def test_error_of_the_system_names_the_file_and_the_way_out(
    number: int, kind: type[Exception], way_out: str
) -> None:
    error = explain("train", OSError(number, os.strerror(number), "a\x1b.ckpt"))
    assert type(error) is kind
    assert way_out in str(error) and "a\\x1b.ckpt" in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("std::bad_alloc"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("can't start new thread"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_lack_of_memory_is_told_from_other_failures(error: Exception) -> None:
    line = explain("train", error)
    assert isinstance(line, RunFailed) and "not enough memory" in str(line)


def test_user_without_a_home_is_told_what_to_set() -> None:
    line = explain("train", RuntimeError("Could not determine home directory."))
    assert isinstance(line, RunFailed) and "DEEPDIGITS_DATA" in str(line)


@pytest.mark.parametrize(
    "error", [ValueError("x"), RuntimeError("x"), InputError("out of memory"), BrokenPipeError()]
)
def test_a_fault_of_the_program_stays_what_it_is(error: Exception) -> None:
    assert explain("train", error) is None
