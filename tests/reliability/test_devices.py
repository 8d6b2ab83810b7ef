"""Several processes: each digit counts once, training equals one process, all stop together."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ledger import Ledger
from numpy.typing import NDArray
from shell import ROOT
from signals_helper import send_signal
from trainings import TIMES, same_bytes

from deepdigits.runs.predictions import read

MLP = str(ROOT / "configs" / "mlp.yaml")
# Batch normalisation uses the images of its own process only, so it is off.
PLAIN = ["--model.norm", "false", "--trainer.accelerator", "cpu"]
SHORT = ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
LAST = "checkpoints/last.ckpt"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
DDP = ["--trainer.strategy", "ddp", "--trainer.devices"]
TORCHRUN = ["-m", "torch.distributed.run"]


def start(
    *args: str, by: list[str] | None = None, folder: str = ".", **more: str
) -> subprocess.Popen[str]:
    """Start a command line in a folder, as a shell or torchrun does."""
    command = [sys.executable, *(by or []), "-m", "deepdigits", *args]
    environment = ENVIRONMENT | {"DEEPDIGITS_DATA": os.environ["DEEPDIGITS_DATA"]} | more
    return subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True)


def deepdigits(*args: str, by: list[str] | None = None) -> None:
    with start(*args, by=by) as process:
        errors = process.communicate(timeout=240)[1]
    assert process.returncode == 0, errors


def figures(run: str) -> tuple[dict[str, Any], float]:
    """The report without times, and separately its loss, whose last bits depend on the order."""
    report = json.loads(Path("lightning_logs/mlp", run, "report.json").read_text())
    return {k: v for k, v in report.items() if k not in (*TIMES, "loss")}, report["loss"]


def predictions(run: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The labels and the predictions of predictions.npz, in the order of the test split."""
    found = read(Path("lightning_logs/mlp", run), "test")
    assert found is not None
    return found.labels, found.predicted


@pytest.mark.reliability
@pytest.mark.distributed
def test_any_number_of_processes_counts_each_digit_once(ledger: Ledger) -> None:
    with ledger("10,000 test digits on 1, 2, 3 processes and by torchrun: the same report", 4):
        few = [*PLAIN, *SHORT, "--trainer.limit_train_batches", "20", "--logger.version", "one"]
        deepdigits("train", "-c", MLP, *few)
        one, loss = figures("one")
        labels, predicted = predictions("one")
        assert sum(map(sum, one["confusion_matrix"])) == len(labels) == 10_000
        run = ["test", "--ckpt_path", "lightning_logs/mlp/one", *DDP]
        by = [*TORCHRUN, "--standalone", "--nproc-per-node", "3"]
        for processes, launcher in (("2", None), ("3", None), ("3", by)):
            deepdigits(*run, processes, by=launcher)
            several, other = figures("one")
            assert several == one
            assert other == pytest.approx(loss, rel=1e-6)
            again = predictions("one")
            assert (again[0] == labels).all()
            # Another order of sums may change a near tie.
            assert (again[1] != predicted).mean() < 1e-3


def test_a_padded_sampler_would_count_10_002() -> None:
    """The reason for an own sampler: Lightning uses torch's DistributedSampler, which pads."""
    from torch.utils.data.distributed import DistributedSampler

    samplers = [DistributedSampler(range(10_000), 3, rank, shuffle=False) for rank in range(3)]  # type: ignore[arg-type]
    assert sum(map(len, samplers)) == 10_002


@pytest.mark.reliability
@pytest.mark.distributed
def test_two_processes_with_half_a_batch_train_like_one(ledger: Ledger) -> None:
    with ledger("2 processes of batch 128 end with the weights of one of 256, within 1e-4"):
        few = [*PLAIN, *SHORT, "--trainer.limit_train_batches", "60"]
        deepdigits("fit", "-c", MLP, *few, "--data.batch_size", "256", "--logger.version", "one")
        halves = ["--data.batch_size", "128", "--logger.version", "two", *DDP, "2"]
        deepdigits("fit", "-c", MLP, *few, *halves)
        one, two = (
            torch.load(f"lightning_logs/mlp/{run}/{LAST}", weights_only=True)["state_dict"]
            for run in ("one", "two")
        )
        for name in one:
            assert torch.allclose(one[name], two[name], atol=1e-4), name


# A module in the user's working directory: one process kills or stops itself in the tenth batch.
KILL_ONE_RANK = """
import os
from lightning.pytorch import Callback

class KillOneRank(Callback):
    def __init__(self, rank: int, signum: int = 9):
        self.rank, self.signum = rank, signum

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 9 and trainer.global_rank == self.rank:
            os.kill(os.getpid(), self.signum)
        elif batch_idx == 0:
            open(f"pid{trainer.global_rank}", "w").write(str(os.getpid()))
"""


@pytest.mark.reliability
@pytest.mark.distributed
@pytest.mark.parametrize("launcher", ["Lightning", "torchrun"])
@pytest.mark.parametrize("rank", [0, 1])
def test_when_one_process_is_killed_all_end(rank: int, launcher: str, ledger: Ledger) -> None:
    with ledger("one of two processes killed: the other ends, with a line"):
        Path("kill_one_rank.py").write_text(KILL_ONE_RANK)
        callback = (
            f'[{{"class_path": "kill_one_rank.KillOneRank", "init_args": {{"rank": {rank}}}}}]'
        )
        args = ["fit", "-c", MLP, *PLAIN, *SHORT, *DDP, "2", "--trainer.callbacks", callback]
        by = [*TORCHRUN, "--standalone", "--nproc-per-node", "2"]
        with start(*args, by=by if launcher == "torchrun" else None) as process:
            errors = process.communicate(timeout=120)[1]
        deadline = time.monotonic() + 60
        while any(_is_running(f"pid{other}") for other in (0, 1)):
            assert time.monotonic() < deadline, "a process is left over"
            time.sleep(0.1)
        assert process.returncode in (1, -signal.SIGKILL)
        if launcher == "Lightning":  # torchrun ends the other one itself, with its own messages
            assert "another process of this run has ended" in errors
            assert "Traceback" not in errors


@pytest.mark.reliability
@pytest.mark.distributed
@pytest.mark.parametrize("rank", [0, 1])
def test_when_one_process_vanishes_the_other_ends_after_the_limit(
    rank: int, ledger: Ledger
) -> None:
    """A stopped process closes no connection, as one whose machine or wire has failed."""
    with ledger("one of two processes stops without closing: the other ends, with a line"):
        Path("kill_one_rank.py").write_text(KILL_ONE_RANK)
        init = {"rank": rank, "signum": int(signal.SIGSTOP)}
        callback = json.dumps([{"class_path": "kill_one_rank.KillOneRank", "init_args": init}])
        args = ["fit", "-c", MLP, *PLAIN, *SHORT, "--trainer.callbacks", callback]
        nodes = start_two_nodes(*args, "--peer_timeout", "3", launcher=None)
        try:
            errors = nodes[1 - rank].communicate(timeout=60)[1]
            assert nodes[1 - rank].returncode == 1
            assert "another process of this run" in errors.splitlines()[-1]
            assert "Traceback" not in errors
            assert nodes[rank].poll() is None
        finally:
            for node in nodes:
                node.kill()
                node.communicate()


def start_two_nodes(*args: str, launcher: list[str] | None, **more: str) -> list[Any]:
    """Start a command line on two nodes of one process each: here, in the folders 0 and 1.

    Args:
        args: The command line.
        launcher: torchrun's module. None: the processes are started by hand.
        more: The environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    nodes = []
    for node in ("0", "1"):
        Path(node).mkdir(exist_ok=True)
        for module in Path().glob("*.py"):
            shutil.copy(module, node)
        by = None
        if launcher is not None:
            by = [*launcher, "--nnodes", "2", "--nproc-per-node", "1", "--node-rank", node]
            by += ["--master-addr", "127.0.0.1", "--master-port", port]
        own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": node}
        own |= {"LOCAL_RANK": "0"}
        several = [*DDP, "1", "--trainer.num_nodes", "2"]
        nodes.append(
            start(*args, *several, by=by, folder=node, **(own if by is None else {}), **more)
        )
    return nodes


@pytest.mark.reliability
@pytest.mark.distributed
def test_nodes_with_disks_of_their_own_test_the_best_checkpoint(ledger: Ledger) -> None:
    with ledger("2 nodes with disks of their own: trained and tested, on node 0 all files", 2):
        few = [*PLAIN, *SHORT, "--trainer.limit_train_batches", "10", "--logger.version", "a"]
        for node in start_two_nodes("train", "-c", MLP, *few, launcher=TORCHRUN):
            with node:
                errors = node.communicate(timeout=240)[1]
            assert node.returncode == 0, errors
        report = json.loads(Path("0/lightning_logs/mlp/a/report.json").read_text())
        assert sum(map(sum, report["confusion_matrix"])) == 10_000
        assert not Path("1/lightning_logs").exists()


def _is_running(file: str) -> bool:
    try:
        os.kill(int(Path(file).read_text()), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.reliability
@pytest.mark.distributed
def test_signal_to_one_process_stops_all_and_they_resume_to_the_same_bytes(
    ledger: Ledger,
) -> None:
    with ledger("SIGTERM to one of two processes: all stop, saved, resumed to the same weights"):
        args = ["fit", "-c", MLP, *PLAIN, *SHORT, *DDP, "2", "--model.dropout", "0.2"]
        args += ["--trainer.limit_train_batches", "40", "--last_checkpoint.every_n_steps", "5"]
        deepdigits(*args, "--logger.version", "unbroken")
        stop = send_signal(Path(), "training", "SIGTERM", at=20)
        with start(*args, *stop, "--logger.version", "broken") as process:
            errors = process.communicate(timeout=240)[1]
        assert process.returncode == 143, errors
        assert "stopped by SIGTERM in epoch 1 at step 21, which is saved" in errors
        run = "lightning_logs/mlp/broken"
        deepdigits("fit", "--resume", run, "--trainer.callbacks", "null")
        one, two = (
            torch.load(f"lightning_logs/mlp/{name}/{LAST}", weights_only=True)["state_dict"]
            for name in ("unbroken", "broken")
        )
        assert same_bytes(one, two)


# A module in the user's working directory: records which process prepares and unpacks the data.
WATCH = """
import os
from lightning.pytorch import Callback
from deepdigits.data import sources

def watch(name):
    call = getattr(sources, name)

    def noting(*args):
        with open("calls", "a") as file:
            file.write(f"{name} {os.environ.get('LOCAL_RANK', 0)}\\n")
        return call(*args)

    setattr(sources, name, noting)

watch("prepare")
watch("_place_embedded_archives")

class Watch(Callback):
    pass
"""
ONCE = ["prepare 0", "_place_embedded_archives 0"]
WATCHED = ["fit", "-c", MLP, *PLAIN, *SHORT, "--trainer.limit_train_batches", "2"]
WATCHED += ["--trainer.callbacks", "[watch.Watch]", "--trainer.log_every_n_steps", "1"]


@pytest.mark.reliability
@pytest.mark.distributed
def test_data_is_prepared_once_on_a_node(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with ledger("2 processes on one node: the data is prepared once"):
        Path("watch.py").write_text(WATCH)
        monkeypatch.setenv("DEEPDIGITS_DATA", "new")
        deepdigits(*WATCHED, *DDP, "2")
        assert Path("calls").read_text().splitlines() == ONCE


@pytest.mark.reliability
@pytest.mark.distributed
def test_data_is_prepared_on_each_node(ledger: Ledger) -> None:
    with ledger("2 nodes (of one process each, on this machine): prepared once on each", 2):
        Path("watch.py").write_text(WATCH)
        nodes = start_two_nodes(*WATCHED, launcher=TORCHRUN, DEEPDIGITS_DATA="new")
        for node, process in enumerate(nodes):
            with process:
                errors = process.communicate(timeout=240)[1]
            assert process.returncode == 0, errors
            assert Path(str(node), "calls").read_text().splitlines() == ONCE
