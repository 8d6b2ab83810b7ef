"""Lines without a terminal, lines and a bar on a terminal, and no waiting for the device."""

import os
import pty
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint

from deepdigits.core import timing
from deepdigits.core.timing import Throughput
from deepdigits.data.module import DigitsDataModule
from deepdigits.training.callbacks import progress, time_left
from deepdigits.training.callbacks.bar import Bar, has_terminal
from deepdigits.training.callbacks.epoch_table import CLASSIFIER, header
from deepdigits.training.callbacks.progress import Progress
from deepdigits.training.classifier import LitMLP

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")
MakeTrainer = Callable[..., Trainer]
HEADER = header(CLASSIFIER)


def digits() -> DigitsDataModule:
    """250 digits to train on, 50 to validate, 130 to test."""
    return DigitsDataModule(batch_size=50, val_size=50, eval_batch_size=20)


def fit(make: MakeTrainer, checkpoint: str | None = None, **settings: Any) -> Trainer:
    """Train a tiny MLP; an epoch has 5 batches of 50 digits."""
    callbacks = [Progress(), *settings.pop("callbacks", [])]
    trainer = make(callbacks=callbacks, enable_progress_bar=True, **settings)
    trainer.fit(LitMLP(hidden_sizes=[8]), digits(), ckpt_path=checkpoint, weights_only=True)
    return trainer


def rows(text: str) -> list[list[str]]:
    """The cells of the lines after the header, which is printed once, first."""
    first, *lines = text.splitlines()
    assert first == HEADER
    assert all(len(line) == len(HEADER) for line in lines)
    return [line.split() for line in lines]


@pytest.mark.parametrize("sanity", [0, 2])
def test_a_line_per_epoch_without_a_terminal(
    make_trainer: MakeTrainer, capsys: pytest.CaptureFixture[str], sanity: int
) -> None:
    trainer = fit(make_trainer, max_epochs=2, num_sanity_val_steps=sanity)
    out = capsys.readouterr().out
    assert not re.search(r"[^\n -~]", out)  # no control characters
    first, last = rows(out)
    assert (first[0], last[0]) == ("1/2", "2/2")
    metrics = trainer.callback_metrics
    assert last[1:5] == [
        f"{metrics['train/loss']:.4f}",
        f"{metrics['train/accuracy']:.2%}",
        f"{metrics['val/loss']:.4f}",
        f"{metrics['val/accuracy']:.2%}",
    ]
    assert first[1:5] != last[1:5]
    bar = trainer.progress_bar_callback
    assert isinstance(bar, Progress)
    assert last[5] == f"{bar.images_per_second:,.0f}" != "0"
    assert last[6] == "0:00:00"


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [
        ({"max_epochs": -1, "max_steps": 8}, ["1/2", "2/2"]),
        ({"max_epochs": 10, "max_steps": 8}, ["1/2", "2/2"]),
        ({"max_epochs": 2, "limit_train_batches": 2}, ["1/2", "2/2"]),
        ({"max_epochs": 1, "accumulate_grad_batches": 2}, ["1/1"]),
        ({"max_epochs": -1, "max_steps": 4, "accumulate_grad_batches": 2}, ["1/2", "2/2"]),
        ({"fast_dev_run": True}, ["1/1"]),
    ],
)
def test_number_of_epochs(
    make_trainer: MakeTrainer,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, Any],
    epochs: list[str],
) -> None:
    fit(make_trainer, **settings)
    assert [row[0] for row in rows(capsys.readouterr().out)] == epochs


class StopAfter(Callback):
    """Ends the training in a given epoch, counted from 0."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        trainer.should_stop = trainer.current_epoch >= self.epoch


def test_training_without_an_end(
    make_trainer: MakeTrainer, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(make_trainer, max_epochs=-1, callbacks=[StopAfter(1)])
    cells = rows(capsys.readouterr().out)
    assert [(row[0], row[-1]) for row in cells] == [("1", "-:--:--"), ("2", "-:--:--")]


def test_time_left_is_at_most_that_of_max_time(
    make_trainer: MakeTrainer, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(make_trainer, max_epochs=-1, max_time={"minutes": 10}, callbacks=[StopAfter(0)])
    ((_, *_, left),) = rows(capsys.readouterr().out)
    assert re.fullmatch("0:09:[345][0-9]", left)


def test_metrics_of_an_earlier_validation_are_not_shown_as_new(
    make_trainer: MakeTrainer, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(make_trainer, max_epochs=3, check_val_every_n_epoch=2)
    validated = [row[3:5] != ["-", "-"] for row in rows(capsys.readouterr().out)]
    assert validated == [False, True, False]


class Save(Checkpoint):
    """Saves a checkpoint at the end of an epoch, or after some steps."""

    def __init__(self, path: Path, steps: int | None) -> None:
        self.path, self.steps = path, steps

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.steps:
            trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self.steps is None:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize(("epochs", "steps"), [(1, None), (2, 7)], ids=["between", "within"])
def test_resumed_run_starts_at_its_epoch(
    make_trainer: MakeTrainer,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    epochs: int,
    steps: int | None,
) -> None:
    saved = tmp_path / "saved.ckpt"
    fit(make_trainer, max_epochs=epochs, callbacks=[Save(saved, steps)], enable_checkpointing=True)
    capsys.readouterr()
    fit(make_trainer, str(saved), max_epochs=3)
    cells = rows(capsys.readouterr().out)
    assert [row[0] for row in cells] == ["2/3", "3/3"]
    assert all(row[5] != "0" for row in cells)
    assert cells[-1][-1] == "0:00:00"


def test_a_test_alone_prints_no_line(
    make_trainer: MakeTrainer, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = make_trainer(callbacks=[Progress()], enable_progress_bar=True)
    trainer.test(LitMLP(hidden_sizes=[8]), digits(), verbose=False)
    assert capsys.readouterr().out == ""


def test_disabled_shows_nothing(
    make_trainer: MakeTrainer, capsys: pytest.CaptureFixture[str]
) -> None:
    class Off(Callback):
        def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
            assert trainer.progress_bar_callback is not None
            trainer.progress_bar_callback.disable()

    fit_with = make_trainer(callbacks=[Off(), Progress()], enable_progress_bar=True)
    fit_with.fit(LitMLP(hidden_sizes=[8]), digits())
    assert capsys.readouterr().out == ""


class Terminal:
    """A pseudo-terminal of 80 columns in place of stdout, and what was written to it."""

    def __init__(self) -> None:
        self.written = b""

    @property
    def text(self) -> str:
        return self.written.decode()

    @property
    def lines(self) -> list[str]:
        """The lines on the screen at the end."""
        lines, row = [""], 0
        for word in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r\n|\r|\n|[^\x1b\r\n]+", self.text):
            if word.endswith("\n"):
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif word == "\x1b[1A":
                row -= 1
            elif word == "\x1b[2K":
                lines[row] = ""
            elif word[0] not in "\x1b\r":
                lines[row] += word
        return [line.rstrip() for line in lines if line.strip()]


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    result = Terminal()
    ours, theirs = pty.openpty()

    def read() -> None:
        try:
            while chunk := os.read(ours, 4096):
                result.written += chunk
        except OSError:  # on Linux: the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as patch, os.fdopen(theirs, "w") as stdout:
        patch.setattr(sys, "stdout", stdout)
        yield result
    reader.join()
    os.close(ours)


def test_lines_and_a_bar_on_a_terminal(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REFRESH", 0)  # draw each batch

    class Logs(Callback):
        def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
            print("to the terminal\r", file=raw)  # not through rich, like Lightning's own log

    with terminal(monkeypatch) as screen:
        raw = sys.stdout
        trainer = make_trainer(
            max_epochs=2, callbacks=[Logs(), Progress()], enable_progress_bar=True
        )
        trainer.fit(LitMLP(hidden_sizes=[8]), digits())
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.text)
    bars = [line.strip() for line in re.split("[\r\n]+", plain) if "━" in line]
    assert all(len(bar) <= 80 for bar in bars)
    pattern = r"epoch 1/2 ━+ 5/5  loss \d\.\d{4}  [\d,]+ images/s  0:00:\d\d left"
    assert any(re.fullmatch(pattern, bar) for bar in bars)
    pattern = r"epoch 2/2 ━+ 3/5  loss \d\.\d{4}  val [\d.]+%  [\d,]+ images/s  0:00:\d\d left"
    assert any(re.fullmatch(pattern, re.sub("[╸╺]", "", bar)) for bar in bars)
    assert any(re.fullmatch("validation ━+ 3/3", bar) for bar in bars)
    header, first, log, last = screen.lines  # the bar is gone
    assert [row[0] for row in rows("\n".join([header, first, last]))] == ["1/2", "2/2"]
    assert log == "to the terminal"
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")  # the cursor is back


def test_a_test_shows_a_bar_on_a_terminal_and_erases_it(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(monkeypatch) as screen:
        trainer = make_trainer(callbacks=[Progress()], enable_progress_bar=True)
        net, data = LitMLP(hidden_sizes=[8]), digits()
        trainer.test(net, data, verbose=False)
        trainer.predict(net, data)
    assert "test" in screen.text and "1/7" in screen.text and "prediction" in screen.text
    assert screen.lines == []


def test_terminal_is_restored_after_an_error(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fails(Callback):
        def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
            raise RuntimeError("in the middle")

    with terminal(monkeypatch) as screen, pytest.raises(RuntimeError, match="in the middle"):
        fit(make_trainer, callbacks=[Fails()])
    assert screen.lines == [HEADER]
    assert "\x1b[?25h" in screen.text


def test_choice_of_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_terminal()
    with terminal(monkeypatch):
        assert has_terminal()
        monkeypatch.setenv("TERM", "dumb")
        assert not has_terminal()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not has_terminal()  # colours are possible, a redrawn line is not


class Clock:
    """A clock in seconds that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        for module in (progress, time_left, timing):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)


def test_throughput_excludes_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    speed = Throughput()
    assert speed.images_per_second == 0
    clock.now += 2
    speed.count(100)
    assert speed.images_per_second == 50
    clock.now += 60  # a validation
    speed.resume()
    assert speed.images_per_second == 50
    clock.now += 2
    speed.count(300)
    assert speed.images_per_second == 100
    speed.start()
    assert speed.images_per_second == 0


class Loss:
    """Counts how often its value is fetched from the device."""

    fetched = 0

    def __float__(self) -> float:
        self.fetched += 1
        return 0.5


def test_loss_is_fetched_only_to_draw_the_bar_with_speed_and_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, loss, drawn = Clock(monkeypatch), Loss(), []
    monkeypatch.setattr(Bar, "draw", lambda self, *what: drawn.append(what))
    bar = Progress(bar=True)
    trainer: Any = SimpleNamespace(
        max_epochs=2, max_steps=-1, num_training_batches=1000, accumulate_grad_batches=1,
        current_epoch=0, is_last_batch=False, world_size=2, callbacks=[], callback_metrics={},
        fit_loop=SimpleNamespace(total_batch_idx=0), is_global_zero=True,
    )  # fmt: skip
    module: Any = None
    bar.setup(trainer, module, "fit")
    bar.on_train_start(trainer, module)
    bar.on_train_epoch_start(trainer, module)
    for batch in range(1000):
        clock.now += 0.01
        trainer.fit_loop.total_batch_idx = batch
        bar.on_train_batch_end(trainer, module, {"loss": loss}, (range(50), range(50)), batch)
    assert 18 <= len(drawn) <= 21  # 10 seconds
    assert loss.fetched == len(drawn)
    title, done, total, status = drawn[-1]
    assert (title, total) == ("epoch 1/2", 1000)
    left = int(0.01 * (2000 - done) + 1e-6)
    assert status == f"loss 0.5000  10,000 images/s  0:00:{left:02} left"
    assert bar.images_per_second == pytest.approx(10_000)
