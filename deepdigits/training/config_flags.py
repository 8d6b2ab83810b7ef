"""The configs among command-line arguments, and what they and the flags set."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.core.modules import named_modules
from deepdigits.runs import config
from deepdigits.runs.bundled_configs import config_path
from deepdigits.runs.resolve import LATEST, resolve_run, run_argument

_OPTIONS = ("-c", "--config")
_CLASS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_FILE = re.compile(r"\.(ya?ml|json)$")


def config_values(args: Sequence[str]) -> Iterator[str]:
    """The values of `-c`: paths, or YAML text."""
    for word, following in pairwise([*args, ""]):
        option, equals, value = word.partition("=")
        if option in _OPTIONS:
            yield value if equals else following


def named_configs(args: Sequence[str]) -> list[str]:
    """The arguments, with the path of its file in place of the name of a bundled config.

    Call it before anything else reads the arguments. YAML text and files stay as they are.

    Raises:
        InputError: A value of `-c` is no text, no file and no name.

    >>> named_configs(["-c", "cnn", "--ema_decay=0.9"])  # doctest: +ELLIPSIS
    ['-c', '...cnn.yaml', '--ema_decay=0.9']
    """
    words = []
    for before, word in pairwise(["", *args]):
        option, equals, value = word.partition("=")
        if option in _OPTIONS and equals:
            word = f"{option}={_config_path(value)}"
        elif before in _OPTIONS and not word.startswith("-"):
            word = _config_path(word)
        words.append(word)
    return words


def config_name(args: Sequence[str]) -> str | None:
    """Name of the run: the stem of the first config file.

    >>> config_name(["-c", "configs/cnn.yaml", "--config=configs/trainer/cpu.yaml"])
    'cnn'
    >>> config_name(["-c", "{trainer: {max_epochs: 1}}"])
    """
    first = next((word for word in config_values(args) if not is_text(word)), None)
    return None if first is None else Path(first).stem


def is_text(value: str) -> bool:
    """Whether a value of `-c` is YAML text, not a path."""
    return value.lstrip().startswith("{")


def typed_nets(args: Sequence[str]) -> set[str]:
    """The class paths that `--model` and the configs among the arguments give.

    >>> sorted(typed_nets(["--model=a.B", "-c", "{model: {class_path: c.D}}", "--output=e.f"]))
    ['a.B', 'c.D']
    """
    return _typed_classes(args, "model")


def typed_data(args: Sequence[str]) -> set[str]:
    """The class paths that `--data` and the configs among the arguments give.

    >>> typed_data(["--data", "my_data.Shapes", "-c", "{data: {batch_size: 5}}"])
    {'my_data.Shapes'}
    >>> typed_data(["--data", "data.yaml"])  # settings of the data module of the package
    set()
    """
    found = _typed_classes(args, "data")
    return {name for name in found if _CLASS.fullmatch(name) and not _FILE.search(name)}


def names_data_class(args: Sequence[str]) -> bool:
    """Whether the arguments name a data module as a class, or ask for its help."""
    return bool(typed_data(args)) or any(word.startswith("--data.help") for word in args)


def with_data_help(args: Sequence[str]) -> list[str]:
    """The arguments; `--data.help` without a class is about the data module of the package.

    >>> with_data_help(["--model=LitMLP", "--data.help"])
    ['--model=LitMLP', '--data.help=deepdigits.DigitsDataModule']
    """
    words = list(args)
    if words[-1:] == ["--data.help"] and not typed_data(words):
        words[-1] = "--data.help=deepdigits.DigitsDataModule"
    return words


def typed_modules(args: Sequence[str]) -> set[str]:
    """Top-level names of the modules that the arguments and the configs among them name."""
    strings = [text for content in _contents(args) for text in _strings(content)]
    return named_modules([*args, *strings])


def has_flag(args: Sequence[str], name: str) -> bool:
    """Whether an option is among the arguments; configs are not looked at."""
    return any(word.partition("=")[0] == f"--{name}" for word in args)


def typed_keys(args: Sequence[str]) -> set[str]:
    """The dotted keys that the arguments set, and the groups of them below the sections.

    >>> sorted(typed_keys(["-c", "{data: {val_size: 0}}", "--trainer.callbacks.class_path=A"]))
    ['data.val_size', 'trainer.callbacks', 'trainer.callbacks.class_path']
    """
    flags = [word.partition("=")[0] for word in args if word.startswith("--")]
    paths = [re.sub(r"^--|\+$", "", flag).split(".") for flag in flags]
    paths += [path.split(".") for content in _contents(args) for path in _paths(content)]
    keys = {".".join(path[:end]) for path in paths for end in range(2, len(path) + 1)}
    return keys | {path[0] for path in paths if len(path) == 1}


def same_origin(config: Mapping[str, Any]) -> list[str]:
    """Flags that let all runs start from the weights that a resolved config names."""
    name, total = config.get("init_from"), config.get("init_sha256")
    if name is None or total is None:
        return []
    is_latest = Path(name).name == LATEST  # which each run changes
    run = [f"--init_from={run_argument(resolve_run(name))}"] if is_latest else []
    return [*run, f"--init_sha256={total}"]


def pop_option(args: Sequence[str], option: str) -> tuple[str | None, list[str]]:
    """The value of an option, and the other arguments."""
    args = list(args)
    for place, word in enumerate(args):
        name, equals, value = word.partition("=")
        if name != option:
            continue
        if equals:
            return value, args[:place] + args[place + 1 :]
        if place + 1 < len(args):
            return args[place + 1], args[:place] + args[place + 2 :]
    return None, args


def without_option(args: Sequence[str], option: str) -> list[str]:
    """The arguments without an option and its value, however often it is there.

    >>> without_option(["--a", "1", "--b=2", "--a=3"], "--a")
    ['--b=2']
    """
    value, others = pop_option(args, option)
    return others if value is None else without_option(others, option)


def _typed_classes(args: Sequence[str], section: str) -> set[str]:
    names: set[Any] = set()
    for word, following in pairwise([*args, ""]):
        option, equals, value = word.partition("=")
        if option in (f"--{section}", f"--{section}.class_path"):
            names.add(value if equals else following)
    for content in _contents(args):
        given = content.get(section)
        names.add(given.get("class_path") if isinstance(given, dict) else given)
    return {name for name in names if isinstance(name, str)}


def _config_path(value: str) -> str:
    # A colon before a space: YAML too. An empty value: the parser will report it.
    return value if not value or re.search(r"^\s*{|:\s|:$", value) else config_path(value)


def _contents(args: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The configs among the arguments."""
    for value in config_values(args):
        try:
            if is_text(value):
                yield config.parse(value, "-c")
            elif Path(value).is_file():
                yield config.read(Path(value))
        except (InputError, OSError, ValueError):
            continue  # the parser will report the error


def _paths(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(inner)
