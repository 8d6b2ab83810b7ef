"""A run folder as a stranger might have made it: how to change what is in it."""

import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

CONFIGS = Path(__file__).parents[2] / "configs"
RUN = "downloaded"
EVIL = """
from pathlib import Path
Path({!r}).touch()
from deepdigits import LitMLP
class Net(LitMLP):
    '''A net.'''
"""
Content = dict[str, Any]


def lay_evil(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put modules that touch a file where Python finds them, and into the run; yields the file."""
    canary, modules = folder / "canary", folder / "site"
    for path in (modules / "evil.py", folder / RUN / "net.py", folder / RUN / "__init__.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(EVIL.format(str(canary)))
    monkeypatch.syspath_prepend(modules)
    (folder / "other.yaml").write_text("class_path: evil.Net\n")
    yield canary
    for name in [name for name in sys.modules if name.partition(".")[0] in ("evil", RUN)]:
        del sys.modules[name]


def edit_config(change: Callable[[Content], object]) -> None:
    """Change what the run's config.yaml says."""
    path = Path(RUN, "config.yaml")
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def edit_checkpoints(change: Callable[[Content], object]) -> None:
    """Change what its checkpoints hold; their checksums are right again."""
    for path in Path(RUN, "checkpoints").glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)


def replace_checkpoints(change: Callable[[bytes], bytes]) -> None:
    """Put other bytes in their place."""
    for path in Path(RUN, "checkpoints").glob("*.ckpt"):
        path.write_bytes(change(path.read_bytes()))


def zip_bomb() -> bytes:
    """A zip of 50 KB that unpacks to 50 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    return buffer.getvalue()
