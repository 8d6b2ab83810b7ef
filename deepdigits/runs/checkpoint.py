"""Checkpoint files: written whole or not at all; only data in them is read, no code is run."""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Lock
from types import NoneType
from typing import Any

import torch
from torch import Tensor, nn

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.failures import explain
from deepdigits.core.files import atomic_path
from deepdigits.core.version import __version__
from deepdigits.runs import weights
from deepdigits.runs.foreign_objects import foreign_object

FORMAT = 1  # of the content; raised by a change that earlier versions would misread
_STAMP = "deepdigits"
_LOCK = Lock()
_DEEPEST = 30  # containers within each other in a checkpoint of plain values


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint, whole or not at all: it replaces the old file once it can be read back.

    It is written to a temporary file in the folder of the target, so that the last step is a
    rename on any file system. If anything fails, the old file stays.

    Args:
        content: Tensors and plain values.
        path: The target.

    Raises:
        RunFailed: It cannot be written, or holds more than tensors and plain values.
    """
    stamp = {"format": FORMAT, "version": __version__}
    content, buffer = content | {_STAMP: stamp}, io.BytesIO()
    try:
        torch.save(content, buffer)
    except Exception as error:  # what the classes of others may raise is not known
        if explain("", error) is not None or (line := refused_content(content)) is None:
            raise
        raise RunFailed(f"checkpoint {path} cannot be saved: {line}; {_former(path)}") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            with part.open("wb") as file:
                file.write(buffer.getbuffer())
            _check_written(part, content, buffer)
    except (OSError, InputError) as error:
        reason = error.strerror if isinstance(error, OSError) else refused_content(content) or error
        raise RunFailed(f"checkpoint {path} cannot be saved: {reason}; {_former(path)}") from error


def refused_content(content: dict[str, Any]) -> str | None:
    """One line about the first object in a checkpoint that is not read for safety; None: none."""
    with _no_further_classes():
        found = foreign_object(content)
    if found is None:
        return None
    return (
        f"its content{found}, and a checkpoint holds only tensors and plain values, which can be "
        "read safely: store it as such in on_save_checkpoint or state_dict"
    )


def load(path: Path) -> dict[str, Any]:
    """Content of a .ckpt or .safetensors file, tensors on the CPU; no code in it is run.

    Returns:
        What Lightning saved; of a .safetensors the same keys, as far as it has them.

    Raises:
        InputError: The file is missing, damaged, not a checkpoint, or of a later version.
    """
    if path.suffix == weights.SUFFIX:
        return weights.read_checkpoint(path)
    try:
        content = _read(path)
    except OSError as error:
        raise InputError(f"checkpoint {path} cannot be read: {error.strerror}") from error
    stamp = content.get(_STAMP)
    stamp = stamp if isinstance(stamp, dict) else {}  # written by Lightning alone
    if stamp.get("format", FORMAT) not in range(1, FORMAT + 1):
        raise InputError(
            f"checkpoint {path} is of format {stamp['format']!r}, written by deepdigits "
            f"{stamp.get('version')!r}; this one, {__version__}, reads up to format "
            f"{FORMAT}: install the later version"
        )
    return content


def check_fits(state: Mapping[str, Tensor], module: nn.Module, path: Path) -> None:
    """Check that weights fit a net, before they are loaded into it.

    Raises:
        InputError: Names or shapes differ, or a weight is not finite.
    """
    wanted = module.state_dict()
    advice = "use the config of the run that saved it"
    for problem, names in (
        ("has no weights", wanted.keys() - state.keys()),
        ("has unknown weights", state.keys() - wanted.keys()),
    ):
        if names:
            shown = ", ".join(sorted(names)[:3]) + (" ..." if len(names) > 3 else "")
            raise InputError(
                f"checkpoint {path} is of another net: it {problem} {shown} ({len(names)} in all): "
                f"{advice}"
            )
    for name, tensor in wanted.items():
        if state[name].shape != tensor.shape:
            raise InputError(
                f"checkpoint {path} is of another net: {name} has shape "
                f"{tuple(state[name].shape)}, expected {tuple(tensor.shape)}: {advice}"
            )
        if not _same_kind(state[name], tensor):
            raise InputError(
                f"checkpoint {path} does not fit: {name} is stored as {state[name].dtype}, "
                f"{state[name].layout}, expected {tensor.dtype}, {tensor.layout}"
            )
    parameters = {name for name, _ in module.named_parameters()}
    for name, tensor in state.items():  # a buffer may be infinite, such as the mask of attention
        bad = ~tensor.isfinite() if name in parameters else tensor.isnan()
        if bad.any():
            raise InputError(
                f"checkpoint {path} is broken: {int(bad.sum())} values of {name} are not finite; "
                "name an earlier checkpoint"
            )


def _check_written(path: Path, content: dict[str, Any], buffer: io.BytesIO) -> None:
    """Check that a checkpoint can be read back, and is what was to be written.

    Reading takes longer than writing. Of plain values, which can be read, the bytes are compared.

    Raises:
        InputError: It holds more than tensors and plain values, or is damaged.
        OSError: It cannot be read.
    """
    if not _is_plain(content):
        _read(path)
    elif path.read_bytes() != buffer.getbuffer():
        raise InputError(f"checkpoint {path} is damaged: it is not what was written")


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is made of tensors, numbers, texts and the containers of Python alone.

    False also for what is nested too deeply, as what contains itself is.
    """
    kind = type(value)
    if kind in (dict, OrderedDict, list, tuple):
        parts = chain(value, value.values()) if isinstance(value, dict) else value
        return depth < _DEEPEST and all(_is_plain(part, depth + 1) for part in parts)
    if kind in (Tensor, nn.Parameter):
        return bool(value.layout == torch.strided) and not vars(value)
    if kind is int:
        return bool(value.bit_length() < 64)
    return kind in (str, float, bool, NoneType)


def _same_kind(stored: Tensor, wanted: Tensor) -> bool:
    """Whether a tensor can be copied into the wanted one with a loss of precision at most."""
    kinds = {(t.layout, t.is_complex(), t.is_floating_point()) for t in (stored, wanted)}
    return len(kinds) == 1 and not stored.is_meta


def _read(path: Path) -> dict[str, Any]:
    damaged = f"checkpoint {path} is damaged or not a checkpoint"
    try:
        with zipfile.ZipFile(path) as archive:
            stored = sum(entry.file_size for entry in archive.infolist())
            packed = any(entry.compress_type for entry in archive.infolist())
            # torch stores without compression, so nothing can be larger inside than outside.
            if packed or stored > path.stat().st_size:
                raise InputError(f"{damaged}: it claims to hold {stored:,} bytes")
            if (name := archive.testzip()) is not None:  # torch itself ignores the sums
                raise InputError(f"{damaged}: the checksum of {name} is wrong")
        with _no_further_classes():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{damaged}: it holds more than tensors and plain values, which is not read for safety"
        ) from error
    except (OSError, InputError):
        raise
    except Exception as error:  # what a damaged archive may raise is not documented
        raise InputError(f"{damaged} ({type(error).__name__})") from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise InputError(f"{damaged}: it has no state_dict of tensors")
    result: dict[str, Any] = content
    return result


@contextmanager
def _no_further_classes() -> Iterator[None]:
    """Let checkpoints hold what torch allows from the start; packages add classes to that list.

    One of them is torch.distributed, whose DeviceMesh opens connections when it is built.
    """
    with _LOCK:
        added = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            yield
        finally:
            torch.serialization.add_safe_globals(added)


def _former(path: Path) -> str:
    return "the former checkpoint is kept" if path.is_file() else "there is no former checkpoint"
