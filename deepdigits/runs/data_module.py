"""The data module of a config: that of the package, a subclass of it, or another one.

A config holds its settings as they are, or as ``init_args`` of a ``class_path``.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deepdigits.core.errors import InputError
from deepdigits.core.signatures import inherits, parameters
from deepdigits.data.registry import DATASETS
from deepdigits.runs.dataset_record import read_record
from deepdigits.runs.trust import DATA_MODULE, class_of_ours, is_data_module, trusted_class


def names_class(data: Any) -> bool:
    """Whether the section ``data`` of a config names a class."""
    return isinstance(data, Mapping) and "class_path" in data


def short_form(data: Any) -> Any:
    """The section ``data``; only its settings if it names the data module of the package.

    >>> short_form({"class_path": "deepdigits.DigitsDataModule", "init_args": {"val_size": 9}})
    {'val_size': 9}
    >>> short_form({"class_path": "my_data.Shapes"})
    {'class_path': 'my_data.Shapes'}
    """
    return _init_args(data) if names_class(data) and is_data_module(data["class_path"]) else data


def digits_settings(
    data: Any, folder: Path, typed: Collection[str] = (), using: Collection[str] = ()
) -> dict[str, Any] | None:
    """The settings of a DigitsDataModule or a trusted subclass of it; None for any other class.

    Nothing that is not trusted is imported.

    Args:
        data: The section ``data`` of a config.
        folder: The run folder.
        typed: Class paths that the user typed.
        using: Members that give the settings their meaning, such as ``val_dataloader``: with a
            subclass that overrides one of them the answer is None.
    """
    settings = short_form(data)
    if not names_class(settings):
        return dict(settings) if isinstance(settings, Mapping) else {}
    found = None
    with suppress(InputError):  # not trusted, or not to be imported here
        found = trusted_class(str(settings["class_path"]), folder, typed, section="data")
    if found is None or (base := class_of_ours(found, DATA_MODULE)) is None:
        return None
    return _init_args(settings) if inherits(found, base, using) else None


def has_test_split(found: type) -> bool:
    """Whether a class of data modules takes ``test_split``, the images that it is evaluated on."""
    return class_of_ours(found, DATA_MODULE) is not None and "test_split" in parameters(found)


def dataset_classes(config: Mapping[str, Any], folder: Path) -> tuple[str, ...] | None:
    """Names of the classes of the dataset that a config in a run folder names.

    None: the data module is another one than that of the package, and has classes of its own.

    Raises:
        InputError: There is no such dataset, and the run has no dataset.json of it.
    """
    data = config.get("data")
    settings = digits_settings(data, folder, using=("class_names", "num_classes"))
    if settings is None or (names_class(short_form(data)) and "dataset" not in settings):
        return None  # a subclass may choose its dataset itself
    dataset = settings.get("dataset")
    if (record := read_record(folder, dataset)) is not None:
        return record.class_names
    if not isinstance(dataset, str) or dataset not in DATASETS:
        raise InputError(
            f"{folder / 'config.yaml'} names the unknown dataset {dataset!r}, expected one of "
            f"{', '.join(DATASETS)}"
        )
    return tuple(DATASETS[dataset].classes)


def _init_args(data: Mapping[str, Any]) -> dict[str, Any]:
    settings = data.get("init_args")
    return dict(settings) if isinstance(settings, Mapping) else {}
