"""Checkpoint files: written whole or not at all; no code in them is run; errors name the file."""

import errno
import io
import os
import zipfile
import zlib
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import nn

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.runs import checkpoint
from deepdigits.runs.checkpoint import check_fits, load, save

PATH = Path("checkpoints/last.ckpt")


def content(value: float = 1.0) -> dict[str, object]:
    return {"state_dict": {"weight": torch.full((100, 10), value)}, "epoch": 3}


def refusal(call: object, *args: object) -> str:
    with pytest.raises((InputError, RunFailed)) as caught:
        call(*args)  # type: ignore[operator]
    line = str(caught.value)
    assert "\n" not in line
    assert "last.ckpt" in line
    return line


def test_saved_content_is_loaded() -> None:
    save(content(), PATH)
    again = load(PATH)
    assert torch.equal(again["state_dict"]["weight"], torch.ones(100, 10))
    assert again["epoch"] == 3
    assert [path.name for path in PATH.parent.iterdir()] == ["last.ckpt"]
    assert PATH.stat().st_mode & 0o777 == 0o666 & ~_umask()  # not a temporary file's 0600


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_file_is_synced_before_the_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """The safe order for a loss of power: sync the file, rename it, sync the folder."""
    calls = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle)))
    monkeypatch.setattr(Path, "replace", lambda *a: (calls.append("replace"), replace(*a)))
    save(content(), PATH)
    assert calls == ["fsync", "replace", "fsync"]


def full(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("stage", ["open", "fsync", "replace", "read back"])
def test_failed_save_raises_and_keeps_the_former_file(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(content(1.0), PATH)
    owner, name = {
        "open": (Path, "open"),
        "fsync": (os, "fsync"),
        "replace": (Path, "replace"),
        "read back": (Path, "read_bytes"),
    }[stage]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        line = refusal(save, content(2.0), PATH)
    assert "No space left on device" in line
    assert "the former checkpoint is kept" in line
    assert load(PATH)["state_dict"]["weight"][0, 0] == 1.0
    assert [path.name for path in PATH.parent.iterdir()] == ["last.ckpt"]


def test_a_later_save_with_more_than_plain_values_is_refused() -> None:
    """Only a checkpoint that may hold more is read; it is, whatever came before."""
    save(content(1.0), PATH)
    save(content(2.0), PATH)
    for more in (Path("x"), [{"a": (1, Path("x"))}], {Path("x"): 1}, {Path("x")}, Path):
        line = refusal(save, content(3.0) | {"more": more}, PATH)
        assert "holds only tensors and plain values" in line
        assert load(PATH)["state_dict"]["weight"][0, 0] == 2.0


class Tag:
    """An object in a tensor's __dict__ is pickled with it."""


def test_what_only_looks_plain_is_read_back() -> None:
    save(content(1.0), PATH)
    tagged = torch.zeros(2)
    tagged.tag = Tag()  # type: ignore[attr-defined]
    for more in (tagged, 2**3000):
        line = refusal(save, content(3.0) | {"more": more}, PATH)
        assert "holds only tensors and plain values" in line
        assert load(PATH)["state_dict"]["weight"][0, 0] == 1.0
    deep: list[object] = [1]
    for _ in range(60):
        deep = [deep]
    save(content(2.0) | {"more": deep}, PATH)
    assert load(PATH)["state_dict"]["weight"][0, 0] == 2.0


def test_a_save_that_the_disk_has_changed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    save(content(1.0), PATH)
    read = Path.read_bytes
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda path: read(path)[:-1] + b"?")
        assert "it is not what was written" in refusal(save, content(2.0), PATH)
    assert load(PATH)["state_dict"]["weight"][0, 0] == 1.0


def test_lightning_itself_loses_the_former_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why we save ourselves: if the temporary folder is on another file system, it copies."""
    PATH.parent.mkdir()
    io_plugin = TorchCheckpointIO()
    io_plugin.save_checkpoint(content(), PATH)
    size = PATH.stat().st_size

    def other_file_system(*args: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def copy_until_full(source: object, target: object, length: int = 0) -> None:
        target.write(b"x" * 10)  # type: ignore[attr-defined]
        full()

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr("os.rename", other_file_system)
        patch.setattr("shutil.copyfileobj", copy_until_full)
        patch.setattr("shutil._fastcopy_sendfile", lambda s, t: copy_until_full(s, t))
        patch.setattr("shutil._USE_CP_SENDFILE", False)
        io_plugin.save_checkpoint(content(), PATH)
    assert PATH.stat().st_size != size
    assert "damaged" in refusal(load, PATH)


def test_lightning_itself_ignores_a_lack_of_permission(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Why we save ourselves: there is no file, and no error."""

    def refuse(*args: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    PATH.parent.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.move", refuse)
        patch.setattr("os.replace", refuse)
        TorchCheckpointIO().save_checkpoint(content(), PATH)
        assert not PATH.exists()
        patch.setattr(Path, "replace", refuse)
        assert "Permission denied" in refusal(save, content(), PATH)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_folder_without_permission_raises() -> None:
    PATH.parent.mkdir()
    PATH.parent.chmod(0o500)
    assert "Permission denied" in refusal(save, content(), PATH)


def test_content_that_could_not_be_read_back_is_not_saved() -> None:
    save(content(1.0), PATH)
    line = refusal(save, content() | {"path": Path("a")}, PATH)
    assert "plain values" in line
    assert load(PATH)["epoch"] == 3


def saved(tmp: str = "last.ckpt") -> bytes:
    save(content(), Path(tmp))
    return Path(tmp).read_bytes()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x00" * 50_000_000)
    return buffer.getvalue()


def flipped(data: bytes) -> bytes:
    """One bit of the weights."""
    place = data.index(torch.ones(8).numpy().tobytes()) + 5
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def script() -> bytes:
    buffer = io.BytesIO()
    with pytest.warns((DeprecationWarning, FutureWarning)):
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def torch_saved(value: object, **settings: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **settings)
    return buffer.getvalue()


CORRUPTIONS = {
    "empty": lambda: b"",
    "truncated": lambda: saved()[:-100],
    "half": lambda: saved()[: len(saved()) // 2],
    "random": lambda: torch.arange(4000).numpy().tobytes(),
    "text": lambda: b"epoch: 3\n",
    "flipped bit": lambda: flipped(saved()),
    "zip bomb": bomb,
    "plain zip": lambda: zipped({"readme.txt": b"hello"}),
    "gzip": lambda: zlib.compress(saved()),
    "code": script,
    "a tensor": lambda: torch_saved(torch.ones(3)),
    "a list": lambda: torch_saved([1, 2]),
    "no weights": lambda: torch_saved({"epoch": 1}),
    "weights of words": lambda: torch_saved({"state_dict": {"weight": "much"}}),
    "old format": lambda: torch_saved(content(), _use_new_zipfile_serialization=False),
    "module": lambda: torch_saved({"state_dict": {}, "net": nn.Linear(2, 2)}),
}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("damage", CORRUPTIONS)
def test_damaged_file_is_named(damage: str) -> None:
    data = CORRUPTIONS[damage]()
    Path("last.ckpt").write_bytes(data)
    assert "damaged" in refusal(load, Path("last.ckpt"))


def test_torch_itself_does_not_notice_a_flipped_bit() -> None:
    Path("last.ckpt").write_bytes(flipped(saved()))
    weight = torch.load("last.ckpt", weights_only=True)["state_dict"]["weight"]
    assert not torch.equal(weight, torch.ones(100, 10))


def test_missing_file_and_folder_are_named() -> None:
    assert "No such file" in refusal(load, Path("last.ckpt"))
    Path("last.ckpt").mkdir()
    assert "Is a directory" in refusal(load, Path("last.ckpt"))


class Canary:
    """Its pickle holds code that creates a file when it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("canary"),))


def test_code_in_a_checkpoint_is_not_run() -> None:
    torch.save({"state_dict": {}, "extra": Canary()}, "last.ckpt")
    assert "for safety" in refusal(load, Path("last.ckpt"))
    assert not Path("canary").exists()
    torch.load("last.ckpt", weights_only=False)  # without weights_only, it runs
    assert Path("canary").exists()


def test_later_format_is_refused() -> None:
    stamp = {"format": checkpoint.FORMAT + 1, "version": "9.0"}
    torch.save(content() | {"deepdigits": stamp}, "last.ckpt")
    assert "deepdigits '9.0'" in refusal(load, Path("last.ckpt"))


def test_checkpoint_written_by_lightning_alone_is_read() -> None:
    torch.save(content(), "last.ckpt")
    assert load(Path("last.ckpt"))["epoch"] == 3


def test_weights_must_fit_the_net() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    good = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    path = Path("last.ckpt")
    check_fits(good, net, path)
    missing = {name: tensor for name, tensor in good.items() if name != "0.bias"}
    assert "has no weights 0.bias" in refusal(check_fits, missing, net, path)
    assert "unknown weights 2.x" in refusal(check_fits, good | {"2.x": torch.ones(1)}, net, path)
    shape = good | {"0.weight": torch.ones(5, 4)}
    assert "(5, 4), expected (3, 4)" in refusal(check_fits, shape, net, path)
    for name, value in (
        ("0.weight", torch.nan),
        ("0.bias", torch.inf),
        ("1.running_var", torch.nan),
    ):
        bad = good[name].clone()
        bad.view(-1)[0] = value
        assert f"1 values of {name} are not finite" in refusal(
            check_fits, good | {name: bad}, net, path
        )
    mask = good | {"1.running_var": torch.full((3,), -torch.inf)}
    check_fits(mask, net, path)
