"""`ddp_spawn`, `ddp_fork` and `ddp_notebook`: two processes train as those of `ddp` do."""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trainings import TIMES, same_bytes

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError, Interrupted, RunFailed

pytestmark = pytest.mark.distributed
ROOT = Path(__file__).parents[2]
TWO = {"trainer.accelerator": "cpu", "trainer.devices": 2, "trainer.strategy": "ddp_fork"}
TINY: dict[str, Any] = {
    **{"model": "LitMLP", "model.hidden_sizes": [8], "data.batch_size": 32, "data.val_size": 50},
    **{"trainer.max_epochs": 2, "trainer.log_every_n_steps": 1, "logger.name": "tiny"},
}
FLAGS = [f"--{key}={value}" for key, value in (TINY | TWO).items()]


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def weights(run_folder: str | Path, name: str = "last") -> dict[str, torch.Tensor]:
    path = Path(run_folder, "checkpoints", f"{name}.ckpt")
    content: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return content


def files(folder: Path) -> set[str]:
    """The files below a folder; TensorBoard's have the time and the process in their names."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix().split(".tfevents")[0] for path in paths}


def python(*args: str, text: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter; a hang ends it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-W", "ignore", *args]
    return subprocess.run(
        command, env=environment, input=text, capture_output=True, text=True, timeout=200
    )


# A module in the user's working directory, whose objects cannot be pickled.
OWN = """
import os
import time
from lightning.pytorch import Callback
from deepdigits import LitMLP

class LitOwn(LitMLP):
    def __init__(self, **kwargs):
        super().__init__(hidden_sizes=[8], **kwargs)
        self.unpicklable = lambda: None

class Stop(Callback):
    def __init__(self, signum: int):
        self.signum, self.unpicklable = signum, lambda: None

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == 1 and trainer.global_rank == 1:
            os.kill(os.getppid(), self.signum)
            time.sleep(1)  # until all processes know of it
"""


SHORT = ["--model=own.LitOwn", "--model.dropout=0.2", "--data.batch_size=128", "--logger.name=a"]
SHORT += ["--trainer.max_epochs=1", "--trainer.limit_train_batches=10"]
SHORT += ["--trainer.log_every_n_steps=5"]
SHORT += ["--trainer.accelerator=cpu", "--trainer.devices=2"]


def test_same_run_as_with_ddp() -> None:
    """With a net of the working directory."""
    Path("own.py").write_text(OWN)
    commands = {
        name: ["train", *SHORT, f"--trainer.strategy={name}", f"--logger.version={name}"]
        for name in ("ddp", "ddp_spawn", "ddp_fork")
    }
    texts = []
    for name in ("ddp", "ddp_spawn"):
        done = python("-B", "-m", "deepdigits", *commands[name])
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    run(commands["ddp_fork"])
    folder, *others = (Path("lightning_logs/a", name) for name in commands)
    expected = json.loads((folder / "report.json").read_text())
    assert sum(map(sum, expected["confusion_matrix"])) == 10_000
    for other in others:
        for name in ("best", "last"):
            assert same_bytes(weights(folder, name), weights(other, name))
        report = json.loads((other / "report.json").read_text())
        assert {k: v for k, v in report.items() if k not in TIMES} == {
            k: v for k, v in expected.items() if k not in TIMES
        }
        assert files(other) == files(folder)
    assert {path.name for path in Path().iterdir()} == {"own.py", "lightning_logs"}
    for text in texts:  # printed once, not once in each process
        assert text.count("errors in 10000") == text.count("train loss") == 1
        assert text.count("\ncurves ") == text.count("\nreport ") == text.count("\nmore ") == 1


def test_python_calls_return_what_one_process_does(tiny_digits: Path) -> None:
    before = os.getcwd(), dict(os.environ), torch.get_num_threads(), torch.get_rng_state()
    trained = deepdigits.train((), TINY | TWO)
    after = os.getcwd(), dict(os.environ), torch.get_num_threads(), torch.get_rng_state()
    assert after[:3] == before[:3] and torch.equal(after[3], before[3])
    assert trained.report.num_samples == 130 and len(trained.metrics["epoch"]) == 2
    assert trained.found_checkpoint == trained.folder / "checkpoints" / "best.ckpt"
    small = {"data.batch_size": 32, "data.val_size": 50}
    for split in ("test", "val"):
        one = deepdigits.evaluate(trained, split, small)
        two = deepdigits.evaluate(trained, split, small | TWO)
        assert (one.confusion == two.confusion).all()
        assert two.loss == pytest.approx(one.loss, rel=1e-6)
    alone = deepdigits.predict(trained, overrides=small)
    both = deepdigits.predict(trained, overrides=small | TWO, output="all.npz")
    np.testing.assert_allclose(both.probabilities, alone.probabilities, atol=1e-6)
    assert (both.labels == alone.labels).all() and (both.images == alone.images).all()
    assert Path("all.npz").is_file()


def test_command_returns_net_and_metrics_of_the_first_process(tiny_digits: Path) -> None:
    cli = run(["fit", *FLAGS])
    assert same_bytes(dict(cli.model.state_dict()), weights(cli.run_folder))
    assert float(cli.trainer.callback_metrics["val/accuracy"]) > 0
    small = ["--ckpt_path=latest", "--data.batch_size=32", "--data.val_size=50"]
    one = run(["validate", *small])
    two = run(["validate", *small, *(f"--{key}={value}" for key, value in TWO.items())])
    assert two.trainer.ckpt_path == one.trainer.ckpt_path
    assert two.report_writer.files == one.report_writer.files != {}


@pytest.mark.parametrize(("signum", "code"), [(15, 143), (2, 130)])
def test_signal_stops_and_the_run_resumes_to_the_same_weights(
    signum: int, code: int, tiny_digits: Path
) -> None:
    Path("own.py").write_text(OWN)
    flags = [*FLAGS, "--model.dropout=0.2"]
    unbroken = run(["fit", *flags])
    stop = json.dumps([{"class_path": "own.Stop", "init_args": {"signum": signum}}])
    with pytest.raises(Interrupted) as stopped:
        run(["fit", *flags, f"--trainer.callbacks={stop}"])
    assert stopped.value.code == code
    assert "at step 2, which is saved; resume with: deepdigits fit" in stopped.value.line
    resumed = run(["fit", "--resume=lightning_logs/tiny/version_1", "--trainer.callbacks=null"])
    assert same_bytes(weights(unbroken.run_folder), weights(resumed.run_folder))


def test_failure_in_a_process_is_its_line(tiny_digits: Path) -> None:
    with pytest.raises(RunFailed, match=r"^the loss is nan at step"):
        deepdigits.train((), TINY | TWO | {"model.lr": 1e30})
    trained = deepdigits.train((), TINY | TWO)
    with pytest.raises(InputError, match="is of another net"):
        deepdigits.train(resume=trained, overrides={"model.hidden_sizes": [9]})


CELLS = """
import deepdigits, torch
torch.set_num_threads(2)
large = torch.rand(1500, 1500)
large @ large  # libgomp has threads now, with which a forked process would hang
few = {"trainer.accelerator": "cpu", "trainer.devices": 2, "trainer.max_epochs": 1}
few |= {"trainer.limit_train_batches": 3, "data.batch_size": 128}
report = deepdigits.train("mlp", few).report
print("TRAINED", report.num_samples, torch.get_num_threads())
deepdigits.train("mlp", few | {"num_threads": 2})
deepdigits.train("mlp", few | {"trainer.strategy": "ddp_spawn"})
"""


def test_a_notebook_trains_with_two_processes() -> None:
    """An interactive session, which has no main guard; the threads of torch have been used."""
    done = python("-i", text=CELLS, OMP_NUM_THREADS="2")
    assert "TRAINED 10000 2" in done.stdout, done.stderr
    assert "InputError: num_threads is 2, but a process that is forked has 1 thread" in done.stderr
    assert "choose a notebook-compatible strategy" in done.stderr
    assert [path.name for path in Path("lightning_logs/mlp").iterdir()] == ["version_0"]


def test_script_without_main_guard_is_one_line() -> None:
    Path("script.py").write_text(
        "import deepdigits\n"
        'two = {"trainer.accelerator": "cpu", "trainer.devices": 2}\n'
        'deepdigits.train("mlp", two | {"trainer.strategy": "ddp_spawn"})\n'
    )
    done = python("script.py")
    assert done.returncode == 1 and done.stderr.count("Traceback") == 1
    assert "InputError: the processes of ddp_spawn import your script" in done.stderr
    assert not Path("lightning_logs").exists()


def test_process_of_another_launcher_starts_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(InputError, match="LOCAL_RANK is set"):
        deepdigits.train((), TINY | TWO)
