"""The number of threads of a training is measured once, said, kept, and leaves no trace."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import LightningModule

from deepdigits.__main__ import run
from deepdigits.comparison.settings import settings
from deepdigits.training import threads
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.execution import resolve_config

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

RUN = Path("lightning_logs/mlp/version_0")
FIT = ["fit", "-c", "mlp", "--data.batch_size", "32", "--data.val_size", "60"]
FIT += ["--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "4"]
SMALL = ["--model.hidden_sizes", "[8]"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Four threads on a machine whose clock runs as `pace` says; the numbers that were set."""
    numbers = [4]
    monkeypatch.setattr(torch, "get_num_threads", lambda: numbers[-1])
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    return numbers


def pace(
    monkeypatch: pytest.MonkeyPatch, numbers: list[int], seconds: Callable[[int], float]
) -> None:
    """Let each reading of the clock find that half of a pass more is over."""
    now = [0.0]

    def clock() -> float:
        now[0] += seconds(numbers[-1])
        return now[0]

    monkeypatch.setattr(threads, "perf_counter", clock)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        (lambda n: 0.001 / n, 4),  # free cores
        (lambda n: 0.001 * n, 1),  # busy ones
        (lambda n: 0.001 if n > 1 else 0.002, 2),
    ],
)
def test_the_fastest_number_is_taken_said_and_kept(
    seconds: Callable[[int], float],
    chosen: int,
    asked: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    pace(monkeypatch, asked, seconds)
    assert run([*FIT, *SMALL]).config.num_threads == chosen
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("threads")]
    assert len(lines) == 1
    assert lines[0].startswith(f"threads     {chosen}, ")
    assert yaml.safe_load((RUN / "config.yaml").read_text())["num_threads"] == chosen
    assert set(asked) == {1, 2, 4}


def test_a_config_is_resolved_without_a_trial(asked: list[int], capsys: Capture) -> None:
    """As `repeat` does, before it trains."""
    assert "num_threads" not in resolve_config([*FIT[1:], *SMALL])
    assert "threads  " not in capsys.readouterr().out


def test_a_resumed_run_keeps_the_number(
    asked: list[int], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    pace(monkeypatch, asked, lambda n: 0.001 * n)
    run([*FIT, *SMALL])
    capsys.readouterr()
    pace(monkeypatch, asked, lambda n: 0.001 / n)
    assert run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "2"]).config.num_threads == 1
    assert "threads  " not in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    [
        ["--num_threads", "1"],
        ["--trainer.fast_dev_run", "true"],
        ["--model", f"{__name__}.Other", "--checkpoint.monitor", "null"],
    ],
)
def test_it_is_not_measured(flags: list[str], asked: list[int], capsys: Capture) -> None:
    run([*FIT, *([] if "--model" in flags else SMALL), *flags])
    assert "threads  " not in capsys.readouterr().out


class Other(LightningModule):
    """Not a LitClassifier: which pass to measure is not known."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(784, 10)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        images, labels = batch
        return torch.nn.functional.cross_entropy(self.layer(images.flatten(1)), labels)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Nothing to measure."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


class Pair(LitClassifier):
    """Its forward is its own; the net in it returns a pair."""

    def __init__(self, num_classes: int = 10, **kwargs: Any) -> None:
        super().__init__(net=Twice(num_classes), num_classes=num_classes, **kwargs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.net(images, 2.0)[0]
        return logits


class Twice(torch.nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(784, num_classes)

    def forward(self, images: torch.Tensor, factor: float) -> tuple[torch.Tensor, float]:
        return factor * self.layer(images.flatten(1)), factor


def test_the_forward_of_a_users_module_is_measured(asked: list[int], capsys: Capture) -> None:
    run([*FIT, "--model", f"{__name__}.Pair"])
    assert "threads  " in capsys.readouterr().out


def test_a_trial_that_fails_is_no_failure(
    asked: list[int], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fails(*args: Any) -> int:
        raise TypeError("not like this")

    monkeypatch.setattr(threads, "_images_of_a_pass", fails)
    run([*FIT, *SMALL])
    assert "threads  " not in capsys.readouterr().out
    assert asked[-1] == 4


def test_a_slow_net_has_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, passes = [0.0], []
    monkeypatch.setattr(threads, "perf_counter", lambda: seconds[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)

    def step(images: int | None = None) -> None:
        assert images is not None
        passes.append(images)
        seconds[0] += 0.04 * images  # ten seconds for 256

    size = threads._images_of_a_pass(step)
    assert size == threads._FEW_IMAGES
    times = threads._trial(partial(step, size), [1, 2])
    assert len(passes) == 2 + 2 * 2 and times[1] == pytest.approx([0.04 * size])


def test_a_run_of_a_machine_with_more_cores_is_resumed(capsys: Capture) -> None:
    run([*FIT, *SMALL, "--num_threads", "1"])
    config = (RUN / "config.yaml").read_text()
    (RUN / "config.yaml").write_text(config.replace("num_threads: 1", "num_threads: 200"))
    run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "2"])
    assert "note: the run had 200 threads, and this machine has" in capsys.readouterr().err


def test_runs_with_other_threads_are_of_one_config() -> None:
    assert settings({"num_threads": 1}) == settings({"num_threads": 2}) == {}


def test_the_trial_leaves_no_trace(asked: list[int]) -> None:
    """Batch norm, dropout and random generators are as without it."""
    dropout = ["--model.dropout", "0.5"]
    run([*FIT, *SMALL, *dropout])
    run([*FIT, *SMALL, *dropout, "--num_threads", "1"])
    one, other = (
        torch.load(f"lightning_logs/mlp/version_{n}/checkpoints/last.ckpt", weights_only=True)
        for n in (0, 1)
    )
    for name, weight in one["state_dict"].items():
        assert torch.equal(weight, other["state_dict"][name]), name
