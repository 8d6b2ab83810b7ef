"""Plain values of a file against the types of a signature."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from torch import nn

from deepdigits import DigitsDataModule, LitCNN, LitMLP
from deepdigits.core.plain_values import fits, is_harmless
from deepdigits.core.signatures import UNTYPED, parameters


class Shade(Enum):
    DARK = 1


@dataclass
class Size:
    width: int = 1


TAKEN = [
    (3, int),
    (3, float),
    (0.5, float),
    (True, bool),
    ("a", str),
    (None, int | None),
    ("warn", bool | Literal["warn"]),
    ([1, 2], list[int]),
    ((1, 2), Sequence[int]),
    ([1, 2], tuple[int, ...]),
    ([1, 2], int | list[int]),
    ([], list[int]),
    ([[1]], list[list[int]]),
    (1, Annotated[int, "small"]),
    (3, UNTYPED),
    (None, Any),
    ("relu", UNTYPED),
    ("a.txt", Path),
    ("DARK", Shade),
    ("relu", str | Callable[[], None]),
    ("a.b", str | int),
    ([1, 2], set[int]),
    ([1], list),
    ({"3": 4}, dict[int, int]),
    ({"a": 1}, dict),
    ({"width": 3}, Size),
    ({"width": 3}, Size | None),
]
REFUSED = [
    (True, int),  # a flag in place of a number is a mistake
    (1, bool),
    ("3", int),
    (0.5, int),
    (None, int),
    ("fatal", bool | Literal["warn"]),
    (True, Literal[1]),
    ({"class_path": "a.B"}, dict[str, int]),
    ({"class_path": "a.B"}, Any),
    ([{"class_path": "a.B"}], list[Any]),
    (["a.B"], list[nn.Module]),
    ("a.B", UNTYPED),
    ("a.B", Any),
    ("a.B", nn.Module),
    ("a.B", type[nn.Module]),
    ("os.system", Callable[[], None]),
    ("os.system", Callable[[], None] | None),
    ("/etc/passwd", Path),
    ("../a.txt", Path),
    ("UP", Shade),
    (1, Shade),
    ("os.system", str | Callable[[], None]),  # the parser may import it
    ("os.system", Path | type),
    (["os.system"], list[str] | list[type]),
    ({"class_path": "a.B"}, dict[str, Any] | nn.Module),
    ({"class_path": 3}, dict[str, int]),
    ({"init_args": {}}, dict),
    ({"class_path": "a.B"}, Size),
    ({"depth": 3}, Size),
    ({"width": "3"}, Size),
    ({"a": 1}, object),
    ({"a": "x.y"}, dict[str, Any]),
    ({"x": 4}, dict[int, int]),
    ("{class_path: a.B}", Any),
    (["os.system"], set[type]),
    ([1], int),
    ([1], str),
]


@pytest.mark.parametrize(("value", "kind"), TAKEN)
def test_plain_values_of_the_type_fit(value: object, kind: Any) -> None:
    assert fits(value, kind)


@pytest.mark.parametrize(("value", "kind"), REFUSED)
def test_other_values_do_not_fit(value: object, kind: Any) -> None:
    assert not fits(value, kind)


@pytest.mark.parametrize(
    "text",
    [
        *("/etc/passwd", "~/a", "../a", "a/../b", "..", r"..\a", r"\\host\a", "C:/a"),
        *("https://a.org", "s3://a/b", "memory://a", "${HOME}", "$HOME", "a\x1b[31m", "a\nb"),
    ],
)
def test_paths_addresses_and_variables_are_not_harmless(text: str) -> None:
    assert not is_harmless(text)
    assert not fits(text, str)


@pytest.mark.parametrize("text", ["", "val/accuracy", "bf16-mixed", "a..b", "müde", "00:12"])
def test_other_text_is_harmless(text: str) -> None:
    assert is_harmless(text)


def test_arguments_that_kwargs_hand_on_are_found() -> None:
    for net in (LitCNN, LitMLP):
        known = parameters(net)
        assert {"dropout", "lr", "weight_decay", "num_classes", "compile"} <= known.keys()
        # Every argument of our own nets but the net itself takes a plain value.
        assert {name for name, kind in known.items() if kind in (UNTYPED, Any)} == set()
    assert "data_dir" in parameters(DigitsDataModule)


def test_types_that_cannot_be_resolved_are_untyped() -> None:
    class Late:
        def __init__(self, size: "Unknown") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert parameters(Late) == {"size": UNTYPED}
