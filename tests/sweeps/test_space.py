"""The search space: what is read, what is refused, and the types of a config."""

from pathlib import Path
from typing import Any

import pytest

from deepdigits.core.errors import InputError
from deepdigits.sweeps.space import Param, checked, flag, parse, parse_flag, read_space
from deepdigits.sweeps.typed_space import setting, typed_space


def test_each_form_of_a_range_is_read() -> None:
    assert parse_flag("model.lr=log:1e-3..3e-2") == Param("model.lr", "float", 1e-3, 3e-2, log=True)
    assert parse_flag("--model.dropout=0..0.5") == Param("model.dropout", "float", 0, 0.5)
    assert parse_flag("trainer.max_epochs=5..20:5").step == 5
    assert parse_flag("data.augment.translate=-0.1..0.1").low == -0.1
    assert parse_flag("data.batch_size=64,128,256").choices == (64, 128, 256)
    assert parse_flag("model.lr=1e-3,1e-2").choices == (0.001, 0.01)
    kinds = [parse_flag(f"a.b={text}").kind for text in ("1..5", "1.0..5", "1..5:0.5", "1e2..1e3")]
    assert kinds == ["int", "float", "float", "int"]
    assert parse_flag("model.norm=true,false").choices == (True, False)
    assert parse_flag("model.hidden_sizes=[8],[16, 8]").choices == ("[8]", "[16, 8]")
    assert parse_flag("model.class_weights=null,balanced").choices == (None, "balanced")


def test_a_file_has_conditions_and_each_comes_after_what_it_depends_on() -> None:
    Path("space.yaml").write_text(
        "data.augment.elastic_sigma: {range: 3..6, if: {data.augment.elastic_alpha: [20, 34]}}\n"
        "data.augment.elastic_alpha: [0, 20, 34]\n"
        "model.lr: log:1e-3..3e-2\n",
        encoding="utf-8",
    )
    space = read_space(Path("space.yaml"))
    keys = [param.key for param in space]
    assert keys.index("data.augment.elastic_alpha") < keys.index("data.augment.elastic_sigma")
    assert space[-1].when == {"data.augment.elastic_alpha": (20, 34)}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("model.lr", "expected KEY=RANGE"),
        ("model.lr=", "two different values or more"),
        ("model.lr=0.1", "two different values or more"),
        ("model.lr=1,1", "two different values or more"),
        ("model.lr=0.1..0.01", "a low end below the high end"),
        ("model.lr=0.1..inf", "a low end below the high end"),
        ("model.lr=a..b", "expected numbers"),
        ("model.lr=log:0..1", "a low end above 0"),
        ("model.lr=log:1..9:2", "no step with log:"),
        ("model.lr=0..1:2", "a step above 0"),
        ("model.lr=[1,2", "expected LOW..HIGH"),
        ("seed_everything=1,2", "cannot be searched"),
        ("logger.name=a,b", "cannot be searched"),
        ("a b=1,2", "cannot be searched"),
        ("model.lr=2024-01-01,2024-01-02", "cannot be searched: expected numbers"),
        ("model.lr=&a [*a],2", "cannot be searched: expected numbers"),
        ("model.lr=1e-2,0.01", "two different values or more"),
    ],
)
def test_a_wrong_range_is_one_line(text: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_flag(text)
    assert what in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "expected lines such as"),
        ("[1, 2]", "expected lines such as"),
        ("a: {", "cannot be read"),
        ("a.b: {range: 1..2, of: 3}", "has the key of: expected range and if"),
        ("a.b: {range: 1..2, if: c}", "expected `if: {OTHER: [VALUE, ...]}`"),
        ("a.b: {range: 1..2, if: {c.d: 1}}", "on c.d, which is not searched"),
        ("a.b: {range: 1..2, if: {c.d: [9]}}\nc.d: [0, 20]", "never met: c.d is never 9"),
        (
            "a.b: {range: 1..2, if: {c.d: 1}}\nc.d: {range: 1..2, if: {a.b: 1}}",
            "on c.d, which depends on itself",
        ),
    ],
)
def test_a_wrong_file_is_one_line(content: str, what: str) -> None:
    Path("space.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_space(Path("space.yaml"))
    assert what in str(caught.value) and "\n" not in str(caught.value)


def test_a_condition_on_a_list_is_met() -> None:
    Path("space.yaml").write_text(
        "model.dropout: {range: 0..0.5, if: {model.hidden_sizes: [[8]]}}\n"
        "model.hidden_sizes: [[8], [16, 8]]\n",
        encoding="utf-8",
    )
    sizes, dropout = read_space(Path("space.yaml"))
    assert dropout.when == {"model.hidden_sizes": ("[8]",)} and "[8]" in sizes.choices


def test_a_key_that_is_searched_twice_is_refused() -> None:
    with pytest.raises(InputError, match="searched twice"):
        checked([parse("a.b", "1..2"), parse("a.b", "1..3")])


def test_types_are_those_of_the_config_and_all_ends_are_tried() -> None:
    tried: list[list[str]] = []

    def resolve(args: Any) -> dict[str, Any]:
        tried.append(list(args))
        given = dict(word.removeprefix("--").split("=") for word in args)
        lr, size = float(given["model.lr"]), int(given["data.batch_size"])
        return {"model": {"class_path": "M", "init_args": {"lr": lr}}, "data": {"batch_size": size}}

    space = [parse("model.lr", "1..3"), parse("data.batch_size", "64..256")]
    typed = typed_space(space, [], resolve)
    assert [param.kind for param in typed] == ["float", "int"]
    assert tried == [
        ["--model.lr=1", "--data.batch_size=64"],
        ["--model.lr=3", "--data.batch_size=256"],
    ]
    # A setting that takes both: a decimal point decides.
    both = {"trainer": {"gradient_clip_val": 1}}
    for text, kind in (("1..5", "int"), ("1.0..5.0", "float")):
        (param,) = typed_space([parse("trainer.gradient_clip_val", text)], [], lambda args: both)
        assert param.kind == kind


def test_a_range_of_a_setting_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="takes no numbers"):
        typed_space([parse("model.norm", "0..1")], [], lambda args: {"model": {"norm": True}})


def test_flags_and_settings() -> None:
    assert flag("a.b", None) == "--a.b=null" and flag("a.b", "[8]") == "--a.b=[8]"
    assert (
        setting({"data": {"augment": {"init_args": {"degrees": 3}}}}, "data.augment.degrees") == 3
    )
    assert setting({"data": {}}, "data.augment.degrees") is None
