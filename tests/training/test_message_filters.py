"""Messages are filtered within the block, and nothing is left behind."""

import logging
import re
import threading
import warnings

import pytest
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.utilities.rank_zero import rank_zero_info

from deepdigits.training.message_filters import LOGGERS, filtered_messages

USELESS = "The dataloader, 'val', does not have many workers which may be a bottleneck."


def settings() -> tuple[list[object], list[object]]:
    return list(warnings.filters), [list(logging.getLogger(name).filters) for name in LOGGERS]


def warned() -> list[str]:
    """The warnings that get through, of one that is useless and one that is not."""
    caught: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warnings, "showwarning", lambda text, *args: caught.append(str(text)))
        for text in (USELESS, "the learning rate is 0"):
            try:
                warnings.warn(text, UserWarning, stacklevel=1)
            except UserWarning as error:  # pytest makes errors of them
                caught.append(str(error))
    return caught


def logged(caplog: pytest.LogCaptureFixture) -> str:
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    caplog.clear()
    for logger in loggers:
        logger.addHandler(caplog.handler)
    seed_everything(0)
    Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    rank_zero_info("Metric val/loss improved.")
    rank_zero_info("[rank: 1] Seed set to 0")
    distributed = logging.getLogger("lightning.fabric.utilities.distributed")
    distributed.warning("Initializing distributed: GLOBAL_RANK: 0, MEMBER: 1/2")
    for logger in loggers:
        logger.removeHandler(caplog.handler)
    return caplog.text


def test_only_what_a_user_can_act_on_is_shown_and_afterwards_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = settings()
    with filtered_messages():
        assert warned() == ["the learning rate is 0"]
        text = logged(caplog)
        assert "improved" in text
        assert not re.search("GPU available|TPU available|Tip|Seed|GLOBAL_RANK", text)
    assert settings() == before
    assert warned() == [USELESS, "the learning rate is 0"]
    text = logged(caplog)
    assert "GPU available" in text and "Seed set" in text and "GLOBAL_RANK" in text


def test_nothing_is_left_behind_after_an_error() -> None:
    before = settings()
    with pytest.raises(KeyError), filtered_messages():
        raise KeyError
    assert settings() == before


def test_filters_that_the_block_adds_are_kept() -> None:
    with filtered_messages():
        warnings.filterwarnings("ignore", "the learning rate")
    assert warned() == [USELESS]


def test_overlapping_blocks_in_two_threads() -> None:
    before = settings()
    entered, leave = threading.Event(), threading.Event()
    alone: list[str] = []

    def other() -> None:
        with filtered_messages():
            entered.set()
            leave.wait()
            alone.extend(warned())

    thread = threading.Thread(target=other)
    with filtered_messages():
        thread.start()
        entered.wait()
    leave.set()
    thread.join()
    assert alone == ["the learning rate is 0"]
    assert settings() == before


def test_a_catch_warnings_that_begins_within_the_block() -> None:
    before = settings()
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with filtered_messages():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    with warnings.catch_warnings():
        leave.set()
        thread.join()
        assert warned()[0] == USELESS
    assert settings() == before


def test_only_the_thread_of_tensorboard_fails_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: reported.append(failure.exc_value))
    before = threading.excepthook

    class Writer(threading.Thread):
        """Fails as TensorBoard's writer does on a full disk."""

        def run(self) -> None:
            raise OSError(self.name)

    def fail(name: str) -> None:
        thread = Writer(name=name)
        thread.start()
        thread.join()

    with filtered_messages():
        with filtered_messages():
            fail("a thread")
        monkeypatch.setattr(Writer, "__module__", "tensorboard.summary.writer")
        fail("the writer of TensorBoard")
    assert threading.excepthook is before
    fail("a writer afterwards")
    assert [str(error) for error in reported] == ["a thread", "a writer afterwards"]
