"""What the first process reads reaches all; waiting for another process has a limit."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import torch.distributed

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.training.processes import PeerTimeout, from_first_process, is_peer_lost, peer_lost


@pytest.fixture(params=[False, True], ids=["no group", "a group"])
def group(request: pytest.FixtureRequest) -> Iterator[bool]:
    """A process group of this process alone, and none."""
    if request.param:
        store = Path("store").absolute().as_uri()
        torch.distributed.init_process_group("gloo", store, rank=0, world_size=1)
    yield request.param
    if request.param:
        torch.distributed.destroy_process_group()


def test_value_or_error_of_the_first_process_is_that_of_all(group: bool) -> None:
    def fail() -> None:
        raise InputError("no such file")

    assert from_first_process(lambda: {"weights": 3}) == {"weights": 3}
    with pytest.raises(InputError, match=r"^no such file$"):
        from_first_process(fail)


@pytest.mark.parametrize("error", [None, "no such file"])
def test_other_processes_read_nothing(error: str | None) -> None:
    def receive(shared: list[Any]) -> None:
        shared[:] = [None if error else "content", error]

    read = mock.Mock()
    with (
        mock.patch("torch.distributed.is_initialized", return_value=True),
        mock.patch("torch.distributed.get_rank", return_value=1),
        mock.patch("torch.distributed.broadcast_object_list", receive),
    ):
        if error is None:
            assert from_first_process(read) == "content"
        else:
            with pytest.raises(InputError, match=error):
                from_first_process(read)
    read.assert_not_called()


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_limit_must_be_above_0(seconds: float) -> None:
    with pytest.raises(InputError, match="above 0"):
        PeerTimeout(seconds)


@pytest.mark.parametrize(("processes", "calls"), [(1, 0), (2, 1)])
def test_limit_is_set_when_there_are_other_processes(processes: int, calls: int) -> None:
    trainer: Any = SimpleNamespace(world_size=processes)
    with (
        mock.patch("torch.distributed.is_initialized", return_value=True),
        mock.patch("torch.distributed.set_timeout") as set_timeout,
    ):
        PeerTimeout(7).setup(trainer, mock.Mock(), "fit")
    assert set_timeout.mock_calls == [mock.call(timedelta(seconds=7))] * calls


def test_the_loss_of_another_process_is_told_from_its_cause() -> None:
    assert is_peer_lost(RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed by peer"))
    assert not is_peer_lost(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_peer_lost(RunFailed("the loss is nan"))


@pytest.mark.parametrize(
    ("saved", "end"),
    [
        (True, "too; the last checkpoint is saved: resume with `deepdigits fit --resume runs/a`"),
        (False, "too; nothing is saved yet: start it again"),
        (None, "too; resume with `deepdigits fit --resume runs/a`"),
    ],
)
def test_line_names_what_is_saved(saved: bool | None, end: str) -> None:
    assert str(peer_lost("fit", Path("runs/a"), saved)).endswith(end)
