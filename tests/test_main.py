"""The table of verbs and the exit codes of the shell."""

import contextlib
import errno
import os
import subprocess
import sys
from importlib import import_module

import pytest

from deepdigits import __version__
from deepdigits.__main__ import main, run
from deepdigits.commands.registry import COMMANDS
from deepdigits.core.errors import InputError, RunFailed


def shell(*args):
    return subprocess.run(
        [sys.executable, "-m", "deepdigits", *args], capture_output=True, text=True
    )


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_can_be_imported_and_helps(verb, capsys):
    module, _, function = COMMANDS[verb].entry.partition(":")
    assert callable(getattr(import_module(f"deepdigits.commands.{module}"), function))
    with pytest.raises(SystemExit) as ended:
        run([verb, "--help"])
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_help_lists_every_verb():
    shown = shell("--help")
    assert shown.returncode == 0
    assert all(f"  {verb} " in shown.stdout for verb in COMMANDS)


def test_version():
    assert shell("--version").stdout == f"deepdigits {__version__}\n"


def test_wrong_input_ends_in_one_line_and_exit_code_2():
    ended = shell("trian")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(
        "deepdigits: error: unknown command 'trian': did you mean 'train'?"
    )
    assert ended.stderr.count("\n") == 1


def test_wrong_input_of_a_verb_ends_in_exit_code_2_without_a_traceback():
    ended = shell("train", "--model", "LitFoo")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "LitFoo" in ended.stderr.splitlines()[-1]


LONG = "x" * 300


@pytest.mark.parametrize(
    "args",
    [
        ["test", "--ckpt_path", LONG],
        ["train", "--resume", LONG],
        ["train", "-c", LONG],
        ["fit", "--model", "LitMLP", "--data.data_dir", LONG],
        ["export", LONG],
        ["classify", LONG],
        ["compare", LONG],
        ["demo", LONG],
        ["compare", "a\0b"],
    ],
)
def test_name_that_no_file_can_have_is_one_line(args):
    with pytest.raises(InputError) as caught:
        run(args)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("error", [InputError, RunFailed])
def test_what_a_file_says_reaches_no_terminal_as_it_is(error):
    assert str(error("weights \x1b[31m\nred\u202e, of Müller")) == (
        "weights \\x1b[31m\\nred\\u202e, of Müller"
    )


def test_full_disk_is_one_line_in_every_verb(monkeypatch, tmp_path):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("deepdigits.commands.compare.main", full)
    with pytest.raises(RunFailed, match="compare stopped: No space left on device: free"):
        run(["compare"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_waiting_threads_do_not_burn_their_core_unless_they_are_told_to(
    given, expected, monkeypatch
):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["deepdigits", "--version"])
    main()
    assert os.environ.get("GOMP_SPINCOUNT") == expected


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("args", [["--version"], ["--help"], ["completion", "bash"]])
def test_output_that_cannot_be_written_is_one_line(args, monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "argv", ["deepdigits", *args])
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as end:
            main()
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 1
    assert "No space left on device" in line


def test_working_directory_that_was_removed_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(InputError, match="the working directory was removed"):
        run(["compare"])
