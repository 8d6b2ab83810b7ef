"""Read config files: YAML of limited size; no code in them is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deepdigits.core.errors import InputError, one_line

MAX_BYTES = 1_000_000  # the longest config of deepdigits has 4,000
MAX_NUMBER = 2**63 - 1
MAX_VALUES = 10_000  # an alias counts as all its values
SECTIONS = (
    *("model", "data", "trainer"),
    *("checkpoint", "last_checkpoint", "early_stopping", "dashboard", "logger"),
)
RENAMED = {  # keys of version 0.1 -> keys of version 0.2
    "snapshot": "last_checkpoint",
    "data.images_on": "data.dataset_device",
    "data.augment.shift": "data.augment.translate",
    "data.augment.zoom": "data.augment.scale",
    "model.shifts": "model.shift_tta",
    "model.shrink": "model.downsample",
}


def read(path: Path) -> dict[str, Any]:
    """Read a config file.

    Raises:
        InputError: The file cannot be read, or is not a config.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"config {path} cannot be read: it has more than {MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise InputError(f"config {path} cannot be read: {what}") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> dict[str, Any]:
    """Parse the text of a config.

    Args:
        text: YAML.
        name: Name of the config, for errors.

    Raises:
        InputError: The text is not YAML, not a mapping of settings, or has too many values: with
            nested aliases a few lines can expand to millions.

    >>> parse("{data: {batch_size: 64}}", "my.yaml")
    {'data': {'batch_size': 64}}
    """
    try:
        content = yaml.load(text, _Loader)
        if _values(content, {}) > MAX_VALUES:
            raise ValueError(f"it expands to more than {MAX_VALUES:,} values")
        _check_numbers(content)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"config {name} cannot be read: {one_line(error)}") from error
    if not isinstance(content, dict):
        raise InputError(
            f"config {name}: expected a mapping of settings, got {type(content).__name__}"
        )
    for section in SECTIONS:
        # A str is the path of another config.
        if not isinstance(content.get(section, {}), dict | str):
            raise InputError(
                f"config {name}: {section} is {str(content[section])[:40]}, expected a mapping of "
                "settings"
            )
    if old := [key for key in RENAMED if _has_renamed_key(content, key)]:
        pairs = ", ".join(f"{key} to {RENAMED[key]}" for key in old)
        raise InputError(f"config {name} is from deepdigits 0.1: in 0.2, rename {pairs}")
    return content


def renamed(key: str) -> str | None:
    """The new name of a key of version 0.1, or of a key in a renamed group; None if not renamed.

    >>> renamed("snapshot.every_n_steps"), renamed("model.lr")
    ('last_checkpoint.every_n_steps', None)
    """
    for old, new in RENAMED.items():
        if key == old or key.startswith(f"{old}."):
            return new + key.removeprefix(old)
    return None


def check_setting_names(settings: Mapping[str, Any], checkpoint: Path) -> None:
    """Check that the settings of a LitMLP or LitCNN in a checkpoint have the present names.

    Raises:
        InputError: The checkpoint is from version 0.1.
    """
    for key in settings:
        if new := renamed(f"model.{key}"):
            raise InputError(
                f"checkpoint {checkpoint} is from deepdigits 0.1: its setting {key} is "
                f"{new.removeprefix('model.')} in 0.2; train the net again"
            )


def _has_renamed_key(content: dict[str, Any], key: str) -> bool:
    """Whether a config has a key of version 0.1; a user's own net may have a key `shrink`."""
    if not key.startswith("model."):
        return _has(content, key)
    model = content.get("model")
    class_path = model.get("class_path") if isinstance(model, dict) else None
    name = str(class_path).rpartition(".")[2]
    is_bundled = class_path is None or name in ("LitMLP", "LitCNN")
    return is_bundled and (
        _has(content, key) or _has(content, key.replace("model.", "model.init_args."))
    )


def _has(content: dict[str, Any], key: str) -> bool:
    """Whether a nested mapping has a dotted key."""
    first, _, rest = key.partition(".")
    if first not in content or not rest:
        return first in content
    return isinstance(content[first], dict) and _has(content[first], rest)


class _Loader(yaml.SafeLoader):
    """The safe loader, with a limit on the size of merged mappings (``<<``)."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MAX_VALUES:
            raise yaml.YAMLError(f"it merges more than {MAX_VALUES:,} values")


def _check_numbers(value: Any) -> None:
    """Check that whole numbers have 64 bits at most: longer ones cannot even be printed."""
    if isinstance(value, int) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise ValueError(f"a number is larger than {MAX_NUMBER:.0e}")
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_numbers(key)
            _check_numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_numbers(inner)


def _values(value: Any, known: dict[int, int]) -> int:
    """Number of values with aliases expanded; above the limit if a value contains itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MAX_VALUES + 1
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_values(each, known) for each in inner)
    return known[id(value)]
