"""The settings of the strategy are checked before processes start."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.training.strategy import check_strategy

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
        ("timeout", "5", "Expected a string with form"),
    ],
)
def test_wrong_setting_is_one_line(setting: str, value: str, expected: str) -> None:
    line = refusal(*DDP, f"--trainer.strategy.{setting}", value)
    assert expected in line and "NestedArg" not in line


@pytest.mark.parametrize(
    "strategy",
    ["auto", "ddp", "ddp_find_unused_parameters_true", "ddp_spawn", "ddp_notebook", None],
)
def test_names_of_strategies_pass(strategy: Any) -> None:
    check_strategy(strategy)


@pytest.mark.parametrize("port", ["abc", "", "-1", "65536"])
def test_wrong_port_is_one_line(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", port)
    check_strategy("auto")  # one process needs no port
    with pytest.raises(InputError, match="MASTER_PORT"):
        check_strategy("ddp")


def test_port_that_is_taken_is_one_line(monkeypatch: pytest.MonkeyPatch, tiny_digits: Path) -> None:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("MASTER_PORT", str(taken.getsockname()[1]))
        flags = ["--model", "LitMLP", "--data.batch_size", "32", "--data.val_size", "0"]
        flags += ["--trainer.accelerator", "cpu", "--trainer.strategy", "ddp"]
        with pytest.raises(RunFailed, match="check MASTER_ADDR and MASTER_PORT"):
            run(["fit", *flags])


def test_valid_settings_pass() -> None:
    settings = {"find_unused_parameters": True, "bucket_cap_mb": 5, "process_group_backend": None}
    check_strategy(SimpleNamespace(class_path="a.DDPStrategy", init_args=settings, dict_kwargs={}))
