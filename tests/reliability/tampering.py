"""Changes to a downloaded run folder, as an attacker or a broken disk would make them."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from deepdigits.runs.finished import CHECKPOINT_SUM, mark_finished, sha256

CONFIGS = Path(__file__).parents[2] / "configs"
RUN = "downloaded"
MODULE = """
from pathlib import Path
Path({!r}).touch()
from deepdigits import LitMLP
class Net(LitMLP):
    '''A net.'''
"""
Content = dict[str, Any]


def write_malicious_modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write modules that create a file when they are imported; return that file's path.

    They lie on Python's path and in the run folder.
    """
    canary, modules = folder / "canary", folder / "site"
    for path in (modules / "evil.py", folder / RUN / "net.py", folder / RUN / "__init__.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(MODULE.format(str(canary)))
    monkeypatch.syspath_prepend(modules)
    (folder / "other.yaml").write_text("class_path: evil.Net\n")
    return canary


def edit_config(change: Callable[[Content], object]) -> None:
    """Change the run's config.yaml."""
    path = Path(RUN, "config.yaml")
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def edit_checkpoints(change: Callable[[Content], object]) -> None:
    """Change the content of the run's checkpoints; their checksums match again."""
    for path in Path(RUN, "checkpoints").glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)
    update_sums()


def replace_checkpoints(change: Callable[[bytes], bytes]) -> None:
    """Replace the bytes of the run's checkpoints."""
    for path in Path(RUN, "checkpoints").glob("*.ckpt"):
        path.write_bytes(change(path.read_bytes()))
    update_sums()


def update_sums() -> None:
    """Make report.json and finished.json agree with the files, as an attacker would."""
    path, best = Path(RUN, "report.json"), Path(RUN, "checkpoints", "best.ckpt")
    report = json.loads(path.read_text())
    path.write_text(json.dumps(report | {CHECKPOINT_SUM: sha256(best)}))
    mark_finished(Path(RUN))


def zip_bomb() -> bytes:
    """A zip of 50 KB that unpacks to 50 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    return buffer.getvalue()
