"""A search of real trainings, killed at random: they end with the bytes of unbroken ones."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from ledger import Ledger
from shell import ROOT

optuna = pytest.importorskip("optuna", reason="pip install 'deepdigits[sweep]'")

from deepdigits.sweeps import slots  # noqa: E402
from deepdigits.sweeps.store import open_study  # noqa: E402

pytestmark = pytest.mark.reliability

TOTAL, KILLS = 8, 6
SWEEP = ["sweep", "-c", str(ROOT / "configs" / "mlp.yaml"), "--param", "model.lr=log:1e-3..3e-2"]
SWEEP += ["--trials", str(TOTAL), "--confirm", "0", "--pruner", "none", "--jobs", "2"]
SWEEP += ["--heartbeat", "1", "--logger.name", "s", "--trainer.max_epochs", "5"]
SWEEP += ["--model.dropout", "0.2", "--last_checkpoint.every_n_steps", "20"]


def start() -> "subprocess.Popen[bytes]":
    with open("output.txt", "ab") as output:
        command = [sys.executable, "-m", "deepdigits", *SWEEP]
        return subprocess.Popen(command, stdout=output, stderr=output)


def below(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        own = children.get(waiting.pop(), [])
        found += own
        waiting += own
    return found


def is_training(pid: int) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"deepdigits.sweeps.child" in words


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(
        folder / "checkpoints" / "last.ckpt", weights_only=True
    )["state_dict"]
    return state


def test_killed_workers_trainings_and_commands(tmp_path: Path, ledger: Ledger) -> None:
    random_ = random.Random(0)
    folder = Path("lightning_logs/s")
    sweep = start()
    with ledger("search of trainings killed: worker, training or all", 0) as count:
        kills = 0
        while kills < KILLS:
            time.sleep(random_.uniform(6, 16))
            assert sweep.poll() is None, Path("output.txt").read_text()
            processes = below(sweep.pid)
            trainings = [pid for pid in processes if is_training(pid)]
            workers = [pid for pid in processes if pid not in trainings]
            if kills == KILLS - 1:
                sweep.kill()
                sweep.wait()
                sweep = start()
            elif victims := trainings if kills % 2 else workers:
                os.kill(random_.choice(victims), signal.SIGKILL)
            kills += 1
            count(1)
        assert sweep.wait(500) == 0, Path("output.txt").read_text()
        url = f"sqlite:///{folder / 'study.db'}"
        with open_study(url, "s", "maximize", {}, folder, 1) as (study, _):
            trials = study.get_trials()
        done = slots.done(trials)
        assert len(done) == sum(trial.state in slots.DONE for trial in trials) == TOTAL
        assert "Traceback" not in Path("output.txt").read_text()
    retried = [slot for slot, trial in done.items() if slots.history_of(trial)]
    assert len(retried) >= 3, "too few trainings were hit: choose other moments"
    for slot in retried[:3]:
        with ledger("retried training, the same bytes as an unbroken one"):
            run = folder / f"trial_{slot:03d}"
            again = ["fit", "-c", str(run / "config.yaml"), "--logger.name", "again"]
            command = [sys.executable, "-m", "deepdigits", *again, f"--logger.version={run.name}"]
            subprocess.run(command, check=True, capture_output=True)
            expected = weights(Path("lightning_logs/again") / run.name)
            found = weights(run)
            assert expected.keys() == found.keys()
            for name, tensor in expected.items():
                assert tensor.numpy().tobytes() == found[name].numpy().tobytes(), (run, name)
