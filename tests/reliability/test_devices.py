"""Several processes: each digit counts once, training follows one process, a death ends all."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from shell import ROOT

MLP = str(ROOT / "configs" / "mlp.yaml")
# Batch normalisation sees the images of its own process, so it is off.
PLAIN = ["--model.norm", "false", "--trainer.accelerator", "cpu"]
SHORT = ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
LAST = "checkpoints/last.ckpt"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
DDP = ["--trainer.strategy", "ddp", "--trainer.devices"]


def deepdigits(*args: str, by: tuple[str, ...] = ()) -> str:
    command = [sys.executable, *by, "-m", "deepdigits", *args]
    environment = ENVIRONMENT | {"DEEPDIGITS_DATA": os.environ["DEEPDIGITS_DATA"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stderr


def figures(run: str) -> dict[str, object]:
    return json.loads(Path("lightning_logs/mlp", run, "report.json").read_text())


@pytest.mark.reliability
@pytest.mark.distributed
def test_any_number_of_processes_counts_each_digit_once(ledger: Callable[..., None]) -> None:
    few = [*PLAIN, *SHORT, "--trainer.limit_train_batches", "20", "--logger.version", "one"]
    deepdigits("train", "-c", MLP, *few)
    one = figures("one")
    assert sum(map(sum, one["confusion_matrix"])) == 10_000
    run = "lightning_logs/mlp/one"
    for processes in ("2", "3"):
        deepdigits("test", "--ckpt_path", run, *DDP, processes)
        several = figures("one")
        assert several["confusion_matrix"] == one["confusion_matrix"]
        assert several["loss"] == pytest.approx(one["loss"], rel=1e-6)
    by = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3")
    deepdigits("test", "--ckpt_path", run, *DDP, "3", by=by)
    assert figures("one")["confusion_matrix"] == one["confusion_matrix"]
    ledger("10,000 test digits on 1, 2 and 3 processes, and through torchrun: the same counts", 4)


def test_a_padded_sampler_would_count_10_002() -> None:
    """What the guard mends: Lightning gives 3 processes torch's DistributedSampler."""
    from torch.utils.data.distributed import DistributedSampler

    samplers = [DistributedSampler(range(10_000), 3, rank, shuffle=False) for rank in range(3)]  # type: ignore[arg-type]
    assert sum(map(len, samplers)) == 10_002


@pytest.mark.distributed
def test_two_halves_of_a_batch_train_like_the_whole(ledger: Callable[..., None]) -> None:
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
    ledger("2 processes of batch 128 end with the weights of one of 256, within 1e-4")


@pytest.mark.reliability
@pytest.mark.distributed
@pytest.mark.parametrize("rank", [0, 1])
def test_death_of_one_process_ends_all(rank: int, ledger: Callable[..., None]) -> None:
    Path("die.py").write_text(
        "import os\nfrom lightning.pytorch import Callback\n"
        "class Die(Callback):\n"
        "    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):\n"
        f"        if batch_idx == 9 and trainer.global_rank == {rank}:\n"
        "            os.kill(os.getpid(), 9)\n"
        "        elif batch_idx == 0:\n"
        "            open(f'pid{trainer.global_rank}', 'w').write(str(os.getpid()))\n"
    )
    command = [sys.executable, "-m", "deepdigits", "fit", "-c", MLP, *PLAIN, *SHORT, *DDP, "2"]
    command += ["--trainer.callbacks", "[die.Die]"]
    environment = ENVIRONMENT | {"DEEPDIGITS_DATA": os.environ["DEEPDIGITS_DATA"]}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        errors = process.communicate(timeout=120)[1]
    deadline = time.monotonic() + 60
    while any(_lives(f"pid{other}") for other in (0, 1)):
        assert time.monotonic() < deadline, "a process is left over"
        time.sleep(0.1)
    assert process.returncode in (1, -signal.SIGKILL)
    assert "another process of this run has ended" in errors
    assert "Traceback" not in errors
    ledger("one of two processes killed: the other ends, with a line")


def _lives(file: str) -> bool:
    try:
        os.kill(int(Path(file).read_text()), 0)
    except ProcessLookupError:
        return False
    return True
