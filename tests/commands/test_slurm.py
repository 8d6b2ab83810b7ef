"""The job script for SLURM: its words, and what it does with programs that stand in for SLURM's."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError

# Like srun, it hands signals on to the task, and ends with its exit code.
SRUN = """\
#!/usr/bin/env bash
printf '%s\\n' "$@" > words
trap 'kill -USR1 "$!"' USR1
bash task &
wait "$!"; code=$?
[ "$code" -gt 128 ] && { wait "$!"; code=$?; }
exit "$code"
"""
SAVES = "trap 'exit 143' USR1; touch started; while :; do sleep 0.05; done"


def options(script: str) -> set[str]:
    return {line.removeprefix("#SBATCH --") for line in script.splitlines() if "#SBATCH" in line}


def command(script: str) -> list[str]:
    text = script[script.index("\nsrun ") : script.index(" &\ntask=")]
    return shlex.split(text)


def test_options_are_those_of_sbatch(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-c", "cnn", "--nodes", "2", "--gpus-per-node", "4", "--cpus-per-task", "6"]
    script = run(["slurm", *words, "--time", "4:00:00", "--partition", "a,b-c"])
    assert options(script) == {
        *("job-name=cnn", "nodes=2", "gpus-per-node=4", "ntasks-per-node=4", "cpus-per-task=6"),
        *("time=4:00:00", "partition=a,b-c", "output=%x-%j.out", "open-mode=append"),
        *("requeue", "signal=B:USR1@90"),
    }
    assert command(script)[:2] == ["srun", "--cpus-per-task=6"]
    assert capsys.readouterr().out == script
    assert "ntasks-per-node=1" in options(run(["slurm", "-c", "mlp"]))
    assert "ntasks-per-node=3" in options(run(["slurm", "-c", "mlp", "--tasks-per-node", "3"]))


def test_words_reach_the_command_as_typed(tmp_path: Path) -> None:
    odd = 'it\'s $HOME; `id` \\ "x" {y}'
    script = deepdigits.slurm("cnn", overrides={"logger.name": odd, "model.dropout": 0.2})
    expected = ["deepdigits", "train", "--config=cnn", f"--logger.name={odd}"]
    assert command(script) == ["srun", *expected, "--model.dropout=0.2"]
    assert run_script(script, "exit 0").wait(timeout=30) == 0
    assert Path("words").read_text().splitlines() == [*expected, "--model.dropout=0.2"]
    assert not Path("requeued").exists()


def run_script(script: str, task: str) -> "subprocess.Popen[bytes]":
    """Start a script with stand-ins for srun and scontrol; the task is a text for bash."""
    programs = {"srun": SRUN, "scontrol": '#!/bin/sh\necho "$@" > requeued\n'}
    Path("bin").mkdir()
    for name, text in programs.items():
        Path("bin", name).write_text(text)
        Path("bin", name).chmod(0o755)
    Path("task").write_text(task)
    Path("job.sh").write_text(script)
    path = f"{Path('bin').absolute()}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", "job.sh"], env={**os.environ, "PATH": path, "SLURM_JOB_ID": "7"}
    )


@pytest.mark.parametrize(
    ("signum", "task", "code", "requeued"),
    [
        (signal.SIGUSR1, SAVES, 143, True),
        (signal.SIGUSR1, SAVES.replace("143", "1"), 1, False),  # it could not save
        (None, "exit 143", 143, False),  # cancelled by the user: not queued again
        (None, "exit 3", 3, False),
    ],
)
def test_job_is_queued_again_only_at_its_time_limit(
    signum: int | None, task: str, code: int, requeued: bool
) -> None:
    process = run_script(deepdigits.slurm("mlp"), task)
    if signum is not None:
        deadline = time.monotonic() + 30
        while not Path("started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signum)
    assert process.wait(timeout=30) == code
    assert Path("requeued").exists() == requeued
    if requeued:
        assert Path("requeued").read_text() == "requeue 7\n"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"nodes": 0}, "nodes is 0, expected 1 or more"),
        ({"gpus_per_node": -1}, "gpus_per_node is -1"),
        ({"gpus_per_node": 2, "tasks_per_node": 3}, "leave out tasks_per_node"),
        ({"time": "tomorrow"}, "time is 'tomorrow', expected minutes"),
        ({"time": "1:0\n#SBATCH --x"}, "expected minutes"),
        ({"partition": "a b"}, "partition is 'a b'"),
        ({"overrides": ["--trainer.num_nodes", "2"]}, "is taken from SLURM"),
        ({"overrides": ["--model.dropot", "2"]}, "did you mean"),
        ({"config": "cn"}, "cn"),
    ],
)
def test_wrong_setting_is_one_line(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        deepdigits.slurm(**{"config": "cnn", **settings})


def test_script_is_for_another_machine() -> None:
    assert "-c gpu" in run(["slurm", "-c", "cnn", "-c", "gpu"])  # this one may have no GPU
