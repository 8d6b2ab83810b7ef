"""Read from the config of a run folder only what is known to be harmless.

A config that the user types with ``-c`` may name classes. The config.yaml of a run folder may come
from someone else together with the checkpoint. From it come the settings of net and data only:
plain values that the signature of a trusted class takes.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from deepdigits.core.errors import InputError
from deepdigits.core.files import is_inside
from deepdigits.core.modules import VARIABLE
from deepdigits.core.plain_values import Refers, fits
from deepdigits.core.signatures import defaults, is_default, parameters
from deepdigits.data.edit_names import KINDS, copy_name
from deepdigits.data.registry import DATASETS
from deepdigits.runs.data_module import names_class
from deepdigits.runs.dataset_record import read_record
from deepdigits.runs.references import LAYERS, references
from deepdigits.runs.trust import bundled_name, trusted_class


def model_settings(
    config: Mapping[str, Any], folder: Path, typed: Collection[str] = ()
) -> dict[str, Any]:
    """The net of a config in a run folder, as ``class_path`` and ``init_args``.

    Args:
        config: Content of the config.
        folder: The run folder.
        typed: Class paths that the user typed.

    Raises:
        InputError: The class is not trusted, or a setting is not a plain value that it takes.
    """
    class_path, settings = _class_and_settings(config, "model", folder)
    net = trusted_class(class_path, folder, typed)
    check_settings(settings, net, folder, "model", refers=references(net, folder))
    name = bundled_name(class_path)
    return {"class_path": f"deepdigits.{name}" if name else class_path, "init_args": settings}


def data_settings(
    config: Mapping[str, Any], folder: Path, typed: Collection[str] = ()
) -> dict[str, Any]:
    """The settings of the data module in a config of a run folder, without ``data_dir``.

    Args:
        config: Content of the config.
        folder: The run folder.
        typed: Class paths of data modules that the user typed.

    Returns:
        Settings of the data module of the package; for another one, ``class_path`` and
        ``init_args``.

    Raises:
        InputError: The class is not trusted, or a setting is unknown, or not a plain value of its
            type.
    """
    from deepdigits.data.module import DigitsDataModule  # loads Lightning

    settings = section(config, "data", folder)
    if not names_class(settings):
        return _checked(settings, DigitsDataModule, folder)
    class_path, settings = _class_and_settings(config, "data", folder)
    data = trusted_class(class_path, folder, typed, section="data")
    return {"class_path": class_path, "init_args": _checked(settings, data, folder)}


def _checked(settings: dict[str, Any], data: type, folder: Path) -> dict[str, Any]:
    """The settings of a data module, checked; a DigitsDataModule's without ``data_dir``."""
    from deepdigits.data.augment import Augment
    from deepdigits.data.module import DigitsDataModule  # loads Lightning

    if not issubclass(data, DigitsDataModule):
        check_settings(settings, data, folder, "data", refers=references(data, folder))
        return settings
    settings.pop("data_dir", None)  # a path outside the run
    others = {key: value for key, value in settings.items() if key != "augment"}
    augment = section(settings, "augment", folder, "data.")
    check_settings(augment, Augment, folder, "data.augment")
    dataset = settings.get("dataset")
    if (record := read_record(folder, dataset)) is not None:
        # The path may lead to files of the user: a copy of this content is taken, if there is one.
        others["dataset_sha256"] = settings["dataset_sha256"] = record.sha256
        del others["dataset"]
    elif isinstance(dataset, str) and dataset not in DATASETS:
        what = f"is {_shown(dataset)}, expected one of {', '.join(DATASETS)}"
        raise refusal(folder, "data.dataset", f"{what} (or type --data.dataset again)")
    for kind in KINDS:
        if others.pop(kind, None) is not None:
            settings[kind] = str(_edit_copy(folder, kind))
    check_settings(others, data, folder, "data")
    return settings


def _edit_copy(folder: Path, kind: str) -> Path:
    """The copy of a file of label edits in a run folder: the path in its config is not read.

    Raises:
        InputError: The run has no such copy, or it is a link to a place outside of the run.
    """
    path = folder.absolute() / copy_name(kind)
    if not path.is_file() or not is_inside(path, folder):
        raise InputError(
            f"{path} is missing, the run's copy of its label edits: type --data.{kind} FILE again, "
            f"or --data.{kind} null to do without them"
        )
    return path


def _class_and_settings(
    config: Mapping[str, Any], name: Literal["model", "data"], folder: Path
) -> tuple[str, dict[str, Any]]:
    """The class path of a section, and its ``init_args``, not checked yet."""
    content = section(config, name, folder)
    if unknown := content.keys() - {"class_path", "init_args"}:
        raise refusal(folder, f"{name}.{min(map(str, unknown))}", "is not read from a run folder")
    class_path = content.get("class_path")
    if not isinstance(class_path, str):
        raise refusal(folder, f"{name}.class_path", f"is {str(class_path)[:40]}, expected a class")
    return class_path, section(content, "init_args", folder, f"{name}.")


def check_settings(
    settings: Mapping[str, Any],
    owner: type,
    folder: Path,
    name: str,
    source: Path | None = None,
    refers: Refers | None = None,
) -> None:
    """Check that settings are plain values that the signature of a class takes.

    Args:
        settings: Arguments of the class.
        owner: The class.
        folder: The run folder.
        name: Section of the settings, such as ``data.augment``.
        source: The file that holds them. None: config.yaml in the run folder.
        refers: Accepts values that name a class. None: no such value is accepted.

    Raises:
        InputError: One of them is not.
    """
    known, given = parameters(owner), defaults(owner)
    for key, value in settings.items():
        if key not in known:
            raise refusal(folder, f"{name}.{key}", f"is not a setting of {owner.__name__}", source)
        accepted = fits(value, known[key], refers) if refers else fits(value, known[key])
        if not accepted and not (refers and is_default(value, given.get(key))):
            problem = f"{_problem(value)} (or type --{name}.{key} again)"
            raise refusal(folder, f"{name}.{key}", problem, source)


def section(config: Mapping[str, Any], name: str, folder: Path, prefix: str = "") -> dict[str, Any]:
    """A copy of a section of a config; empty if it is missing.

    Raises:
        InputError: It is not a mapping.
    """
    content = config.get(name, {})
    if not isinstance(content, Mapping):
        raise refusal(folder, f"{prefix}{name}", f"is {_shown(content)}, expected a mapping")
    return dict(content)


def refusal(folder: Path, key: str, what: str, source: Path | None = None) -> InputError:
    """The error for a setting that is not taken from the config of a run folder, or a file."""
    if source is not None:
        return InputError(f"{source}: {key} {what}")
    path = folder / "config.yaml"
    return InputError(
        f"{path}: {key} {what}; from a run folder only plain values are read: if you trust this "
        f"file, pass it with -c {path} where the command takes configs"
    )


def _problem(value: Any) -> str:
    if isinstance(value, Mapping) and isinstance(path := value.get("class_path"), str):
        return (
            f"names {path[:80]}, expected a class of {LAYERS} or one that {VARIABLE} lists, with "
            "plain values"
        )
    return f"is {_shown(value)}, expected a plain value"


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
