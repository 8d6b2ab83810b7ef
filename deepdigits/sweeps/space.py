"""The search space: which settings are searched, and their ranges."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from deepdigits.core.errors import InputError, one_line

Plain = None | bool | int | float | str
Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["median", "hyperband", "none"]
_RANGE = re.compile(r"(log:)?([^:]+?)\.\.([^:]+?)(?::(.+))?")
_FORMS = "LOW..HIGH, log:LOW..HIGH, LOW..HIGH:STEP or A,B,C"
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_RESERVED = ("seed_everything", "logger", "ckpt_path", "resume", "config")


@dataclass(frozen=True)
class Param:
    """One setting that is searched.

    Attributes:
        key: The flag of `deepdigits train` without dashes, such as ``model.lr``.
        kind: float, int or choice.
        low: Lowest value of a range.
        high: Highest value of a range.
        step: Distance of the values of a range; None: all values, or all whole numbers.
        log: Whether the logarithm is searched evenly.
        choices: Values of a choice: plain ones, and lists and mappings as JSON.
        when: Other settings that are searched -> their values for which this one is.
    """

    key: str
    kind: Literal["float", "int", "choice"]
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple[Plain, ...] = ()
    when: Mapping[str, tuple[Plain, ...]] | None = None

    @property
    def ends(self) -> tuple[Plain, ...]:
        """Values to try a config with: the ends of a range, or all choices."""
        return self.choices if self.kind == "choice" else (self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, in which the storage keeps the space."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return content


def read_space(file: Path) -> list[Param]:
    """The parameters of a YAML file: a mapping of flags to ranges, or to lists of choices.

    A mapping with the keys ``range`` and ``if`` is a condition::

        model.lr: log:1e-3..3e-2
        data.batch_size: [64, 128, 256]
        data.augment.elastic_sigma: {range: 3..6, if: {data.augment.elastic_alpha: [20, 34]}}

    Raises:
        InputError: The file cannot be read, or a range is wrong.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = error.strerror if isinstance(error, OSError) else one_line(error, 160)
        raise InputError(f"--space {file} cannot be read: {what}") from error
    if not isinstance(content, dict) or not content:
        raise InputError(f"--space {file}: expected lines such as `model.lr: log:1e-3..3e-2`")
    return checked([parse(str(key), value) for key, value in content.items()])


def parse_flag(text: str) -> Param:
    """A parameter of the command line, such as ``model.lr=log:1e-3..3e-2``.

    Raises:
        InputError: It is no such text.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--param {text}: expected KEY=RANGE, where RANGE is {_FORMS}")
    return parse(key.removeprefix("--"), value)


def parse(key: str, value: Any) -> Param:
    """A parameter from its key and its range, a text, a list of choices, or a mapping.

    >>> parse("model.lr", "log:1e-3..3e-2").low, parse("data.batch_size", "64,128").choices
    (0.001, (64, 128))

    Raises:
        InputError: The key or the range is wrong.
    """
    if not _KEY.fullmatch(key) or key.partition(".")[0] in _RESERVED:
        raise InputError(
            f"{key!r} cannot be searched: expected the flag of a setting of `deepdigits train`, "
            "such as model.lr"
        )
    when = None
    if isinstance(value, Mapping):
        if unknown := sorted(map(str, value.keys() - {"range", "if"})):
            raise InputError(f"{key} has the key {unknown[0]}: expected range and if")
        when = _condition(key, value.get("if"))
        value = value.get("range")
    if isinstance(value, list):
        return _choice(key, value, when)
    text = str(value)
    if found := _RANGE.fullmatch(text.strip()):
        return _range(key, text, found, when)
    try:
        # Text between commas as YAML, so that a list of numbers can be a choice.
        choices = yaml.safe_load(f"[{text}]")
    except yaml.YAMLError as error:
        raise InputError(f"{key}={text}: expected {_FORMS}") from error
    return _choice(key, choices, when)


def checked(params: Sequence[Param]) -> list[Param]:
    """The parameters, in an order in which each comes after those that it depends on.

    Raises:
        InputError: There are none, a key is there twice, or a condition cannot be met.
    """
    if not params:
        raise InputError("nothing is searched: pass --param KEY=RANGE, or --space FILE")
    by_key = {param.key: param for param in params}
    if len(by_key) < len(params):
        twice = next(p.key for p in params if sum(q.key == p.key for q in params) > 1)
        raise InputError(f"{twice} is searched twice: name it once")
    ordered: list[Param] = []
    waiting = list(params)
    while waiting:
        known = {param.key for param in ordered}
        ready = [param for param in waiting if set(param.when or ()) <= known]
        if not ready:
            other = next(key for key in waiting[0].when or () if key not in known)
            why = "depends on itself" if other in by_key else "is not searched"
            raise InputError(f"the condition of {waiting[0].key} is on {other}, which {why}")
        for param in ready:
            _check_condition(param, by_key)
        ordered += ready
        waiting = [param for param in waiting if param not in ready]
    return ordered


def _check_condition(param: Param, by_key: Mapping[str, Param]) -> None:
    for other, values in (param.when or {}).items():
        choices = by_key[other].choices
        if by_key[other].kind == "choice" and (never := [v for v in values if v not in choices]):
            raise InputError(
                f"the condition of {param.key} is never met: {other} is never {never[0]!r}, "
                f"but one of {', '.join(map(str, choices))}"
            )


def flag(key: str, value: Plain) -> str:
    """The flag that sets a value.

    >>> flag("model.norm", False), flag("model.lr", 0.01)
    ('--model.norm=false', '--model.lr=0.01')
    """
    return f"--{key}={value if isinstance(value, str) else json.dumps(value)}"


def _range(key: str, text: str, found: re.Match[str], when: Any) -> Param:
    log, low, high, step = found.groups()
    try:
        low_, high_ = float(low), float(high)
        step_ = None if step is None else float(step)
    except ValueError as error:
        raise InputError(f"{key}={text}: expected numbers, {_FORMS}") from error
    if not low_ < high_ < float("inf"):
        raise InputError(f"{key}={text}: expected a low end below the high end")
    if log and (low_ <= 0 or step_ is not None):
        raise InputError(f"{key}={text}: expected a low end above 0 and no step with log:")
    if step_ is not None and not 0 < step_ <= high_ - low_:
        raise InputError(f"{key}={text}: expected a step above 0 that is not above the range")
    # A decimal point asks for a number that is not whole, where an option takes both.
    is_whole = "." not in f"{low}{high}{step or ''}" and low_.is_integer() and high_.is_integer()
    kind: Literal["int", "float"] = "int" if is_whole else "float"
    return Param(key, kind, low_, high_, step_, log is not None, when=when)


def _choice(key: str, values: Sequence[Any], when: Any) -> Param:
    choices = tuple(_plain(key, value) for value in values)
    if len(choices) < 2 or len(set(map(repr, choices))) < len(choices):
        raise InputError(f"{key}: expected two different values or more, or a range ({_FORMS})")
    return Param(key, "choice", choices=choices, when=when)


def _condition(key: str, content: Any) -> dict[str, tuple[Plain, ...]] | None:
    if content is None:
        return None
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{key}: expected `if: {{OTHER: [VALUE, ...]}}`, got {str(content)[:80]}")
    listed = {other: v if isinstance(v, list) else [v] for other, v in content.items()}
    return {str(other): tuple(_plain(key, one) for one in v) for other, v in listed.items()}


def _plain(key: str, value: Any) -> Plain:
    """A value as Optuna takes it: lists and mappings as JSON, ``1e-3`` as a number."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)  # YAML 1.1 takes it for a text
    try:
        return value if isinstance(value, Plain) else json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{key}: the value {str(value)[:40]} cannot be searched: expected numbers, texts, "
            "true, false, null, or lists and mappings of them"
        ) from error
