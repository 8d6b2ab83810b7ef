"""The loggers that a resumed training takes from the config of its run: those that write files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from deepdigits.core.plain_values import fits
from deepdigits.core.signatures import parameters
from deepdigits.training.folder_lock import place_of
from deepdigits.training.resume_settings import OF_WRITER

_KINDS: Mapping[str, type] = {
    f"{module}.{kind.__name__}": kind
    for kind in (CSVLogger, TensorBoardLogger)
    for module in ("lightning.pytorch.loggers", kind.__module__)
}
_PLACE = ("save_dir", "name", "version")


def resumed_loggers(value: Any, folder: Path) -> list[dict[str, Any]] | bool | None:
    """``trainer.logger`` for a resumed training; None if it must be typed again.

    TensorBoardLogger and CSVLogger send nothing anywhere, and they go on in the run folder. One
    that writes into another folder must be typed again.

    Args:
        value: ``trainer.logger`` of the config.
        folder: The run folder.
    """
    if isinstance(value, bool):
        return value
    given = value if isinstance(value, list) else [value]
    places = [_place(one) for one in given]
    if not given or any(place != places[0] for place in places):
        return None
    loggers = [_plain(one, folder) for one in given]
    known = [one for one in loggers if one is not None]
    return known if len(known) == len(loggers) else None


def _place(logger: Any) -> list[Any]:
    settings = logger.get("init_args") if isinstance(logger, Mapping) else None
    return [settings.get(key) for key in _PLACE] if isinstance(settings, Mapping) else []


def _plain(logger: Any, folder: Path) -> dict[str, Any] | None:
    """A logger whose settings are plain, writing into the run folder; None if it is another one."""
    kind = _KINDS.get(str(logger.get("class_path"))) if isinstance(logger, Mapping) else None
    if kind is None or logger.keys() - {"class_path", "init_args"}:
        return None
    given = logger.get("init_args", {})
    if not isinstance(given, Mapping):
        return None
    settings = {k: v for k, v in given.items() if k not in _PLACE and v is not None}
    known = parameters(kind) | (OF_WRITER if kind is TensorBoardLogger else {})
    if not all(key in known and fits(value, known[key]) for key, value in settings.items()):
        return None
    place = place_of(folder.resolve())
    return {"class_path": logger["class_path"], "init_args": {**settings, **place}}
