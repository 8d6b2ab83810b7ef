"""The settings of the strategy are checked before processes start."""

from types import SimpleNamespace
from typing import Any

import pytest

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
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
