"""The strategy's settings are checked before processes start; waiting for a process has a limit."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.training.strategy import PeerTimeout, check_strategy

DDP = ["--trainer.strategy.class_path", "DDPStrategy"]


def refusal(*flags: str) -> str:
    with pytest.raises(InputError) as caught:
        run(["fit", "--model", "LitMLP", *flags])
    return str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("find_unused_parameter", "true", "did you mean 'find_unused_parameters'?"),
        ("find_unused_parameters", "maybe", "expected true or false"),
        ("dict_kwargs.static_grap", "true", "did you mean 'static_graph'?"),
        ("bucket_cap_mb", "abc", "expected a number above 0"),
        ("bucket_cap_mb", "0", "expected a number above 0"),
        ("process_group_backend", "smoke", "expected one of gloo"),
        ("process_group_backend", "cpu:gloo,cuda:smoke", "expected one of gloo"),
        ("start_method", "fork", "use ddp"),
        ("timeout", "5", "Expected a string with form"),
    ],
)
def test_wrong_setting_is_one_line(setting: str, value: str, expected: str) -> None:
    line = refusal(*DDP, f"--trainer.strategy.{setting}", value)
    assert expected in line and "NestedArg" not in line


@pytest.mark.parametrize("name", ["ddp_spawn", "ddp_fork", "ddp_notebook"])
def test_strategy_that_copies_the_trainer_is_refused(name: str) -> None:
    assert "use ddp" in refusal("--trainer.strategy", name)


@pytest.mark.parametrize(
    "strategy",
    ["auto", "ddp", "ddp_find_unused_parameters_true", None],
)
def test_names_of_strategies_pass(strategy: Any) -> None:
    check_strategy(strategy)


def test_valid_settings_pass() -> None:
    settings = {"find_unused_parameters": True, "bucket_cap_mb": 5, "process_group_backend": None}
    check_strategy(SimpleNamespace(class_path="a.DDPStrategy", init_args=settings, dict_kwargs={}))


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
