"""Two nodes of torchrun, without a flag of the trainer: here, two agents on this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from ledger import Ledger
from shell import ROOT
from torch import Tensor
from trainings import same_bytes

from deepdigits.comparison.results import read
from deepdigits.runs.run import Run

TRAIN = ["train", "-c", str(ROOT / "configs" / "mlp.yaml"), "--trainer.accelerator", "cpu"]
# Batch normalisation uses the images of its own process only, so it is off.
TRAIN += ["--model.norm", "false", "--trainer.enable_progress_bar", "false"]
TRAIN += ["--trainer.limit_train_batches", "60", "--trainer.max_epochs"]
RUNS = Path("lightning_logs/mlp")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
TORCHRUN = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]


def start(args: list[str], by: list[str], log: str) -> "subprocess.Popen[bytes]":
    environment = ENVIRONMENT | {"DEEPDIGITS_DATA": os.environ["DEEPDIGITS_DATA"]}
    command = [sys.executable, *by, "-m", "deepdigits", *args]
    with Path(log).open("ab") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def start_two_nodes(args: list[str], restarts: int = 0) -> list["subprocess.Popen[bytes]"]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    by = [*TORCHRUN, "--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", "job"]
    by += ["--max-restarts", str(restarts), "--rdzv-conf", "join_timeout=30"]
    return [start(args, by, f"node{node}.txt") for node in (0, 1)]


def end(*processes: "subprocess.Popen[bytes]") -> None:
    logs = "\n".join(path.read_text() for path in Path().glob("*.txt"))
    assert [process.wait(timeout=200) for process in processes] == [0] * len(processes), logs


def weights(name: str) -> dict[str, Tensor]:
    path = RUNS / name / "checkpoints" / "last.ckpt"
    state: dict[str, Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


@pytest.mark.reliability
@pytest.mark.distributed
def test_two_nodes_without_a_flag_equal_one_process_of_twice_the_batch(ledger: Ledger) -> None:
    with ledger("2 nodes of torchrun without a flag equal one process of twice the batch", 1):
        batch = "--data.batch_size"
        end(start([*TRAIN, "1", batch, "256", "--logger.version", "one"], [], "one.txt"))
        end(*start_two_nodes([*TRAIN, "1", batch, "128", "--logger.version", "two"]))
        one, two = weights("one"), weights("two")
        assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)
        reports = [json.loads((RUNS / name / "report.json").read_text()) for name in ("one", "two")]
        assert reports[0]["confusion_matrix"] == reports[1]["confusion_matrix"]
        assert sum(map(sum, reports[1]["confusion_matrix"])) == 10_000
        # Each process took a batch of its own: `compare` takes it for another recipe.
        assert read(Run(RUNS / "two")).settings["processes"] == 2
        assert "processes" not in read(Run(RUNS / "one")).settings
        # What two nodes have trained, one process tests and resumes without a flag.
        end(start(["test", "--ckpt_path", str(RUNS / "two")], [], "test.txt"))
        resume = ["train", "--resume", str(RUNS / "two"), "--trainer.max_epochs", "2"]
        end(start(resume, [], "resume.txt"))


@pytest.mark.reliability
@pytest.mark.distributed
def test_restarted_nodes_go_on_to_the_same_bytes(ledger: Ledger) -> None:
    with ledger("a process of 2 nodes killed, restarted by torchrun: the same weights, one run"):
        args = [*TRAIN, "4", "--model.dropout", "0.2", "--last_checkpoint.every_n_steps", "7"]
        end(*start_two_nodes([*args, "--logger.name", "unbroken"]))
        nodes = start_two_nodes(args, restarts=1)
        deadline = time.monotonic() + 120
        while not (RUNS / "version_0" / "checkpoints" / "last.ckpt").exists():
            assert time.monotonic() < deadline, "nothing was saved"
            time.sleep(0.02)
        os.kill(worker_of(nodes[1]), signal.SIGKILL)
        end(*nodes)
        assert [path.name for path in RUNS.iterdir() if not path.name.startswith(".")] == [
            "version_0"
        ]
        output = "".join(Path(f"node{node}.txt").read_text() for node in (0, 1))
        assert "another process of this run has ended" in output
        assert "restarted   going on in lightning_logs/mlp/version_0" in output
        assert same_bytes(weights("../unbroken/version_0"), weights("version_0"))


def worker_of(agent: "subprocess.Popen[bytes]") -> int:
    """The process that an agent of torchrun has started."""
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
    return int(children[0])


@pytest.mark.distributed
def test_two_processes_that_were_asked_for_otherwise_end_at_once() -> None:
    began = time.monotonic()
    nodes = start_two_nodes([*TRAIN, "1", "--trainer.num_nodes", "3"])
    assert [node.wait(timeout=100) for node in nodes] == [1, 1]  # the exit code of torchrun
    # Once one agent of torchrun has ended, the other one may end with messages of its own.
    text = "".join(Path(f"node{node}.txt").read_text() for node in (0, 1))
    assert "num_nodes is 3, but torchrun has started 1 process on each of 2 nodes" in text
    assert "exitcode  : 2" in text
    assert time.monotonic() - began < 90
    assert not Path("lightning_logs").exists()
