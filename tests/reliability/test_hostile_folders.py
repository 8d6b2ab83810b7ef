"""A downloaded run folder with links, odd files and odd names: nothing outside is changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from entry_points import FEW, MLP, error_line, open_run
from ledger import Ledger
from tampering import RUN, edit_checkpoints, edit_config

from deepdigits.__main__ import run
from deepdigits.commands import repeat
from deepdigits.core.errors import InputError
from deepdigits.runs.run import Run

pytestmark = pytest.mark.usefixtures("blank_figures")
LINKS = "link in a downloaded run: what it points to is not changed"
ODD = "odd file or name in a downloaded run: one line, or it does nothing"
RESUMES = {
    "folder": ["fit", "--resume", RUN],
    "checkpoint": ["fit", "--resume", f"{RUN}/checkpoints/last.ckpt"],
    "own config": ["fit", *MLP, *FEW, "--ckpt_path", f"{RUN}/checkpoints/last.ckpt"],
}


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, downloaded: Path) -> Iterator[Path]:
    """A run and a file of the user's, which nothing may change."""
    mine = tmp_path / "mine" / "v"
    for name in ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "report.json", "mine.txt"):
        source = Path(RUN, name)
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_bytes(source.read_bytes() if source.is_file() else b"mine")
    (mine / "config.yaml").write_bytes(Path(RUN, "config.yaml").read_bytes())
    before = {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    yield mine
    assert {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()} == before


def link(name: str, target: Path) -> None:
    path = Path(RUN, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(f"{RUN}/former")
    path.symlink_to(target.resolve())


@pytest.mark.parametrize("door", ["report", "test", "predict"])
@pytest.mark.parametrize("name", ["checkpoints/best.ckpt", "checkpoints"])
def test_an_evaluation_writes_into_the_folder_that_was_named(
    name: str, door: str, outside: Path, ledger: Ledger
) -> None:
    with ledger(LINKS):
        link(name, outside / name)
        (outside / "report.json").rename(outside / "report.old")
        open_run(door)
        (outside / "report.old").rename(outside / "report.json")
        assert Path(RUN, "report.json").is_file()


@pytest.mark.parametrize("door", RESUMES)
@pytest.mark.parametrize("name", ["checkpoints/best.ckpt", "checkpoints/last.ckpt"])
def test_a_checkpoint_that_is_a_link_is_replaced(
    name: str, door: str, outside: Path, ledger: Ledger
) -> None:
    with ledger(LINKS):
        link(name, outside / name)
        run([*RESUMES[door], "--trainer.max_epochs", "2", "--trainer.limit_train_batches", "4"])
        assert not Path(RUN, "checkpoints/last.ckpt").is_symlink()


@pytest.mark.parametrize("door", RESUMES)
@pytest.mark.parametrize("name", ["config.part", "00008/penultimate/tensors.tsv", ".lock"])
def test_any_other_link_out_of_the_run_is_refused(
    name: str, door: str, outside: Path, ledger: Ledger
) -> None:
    with ledger(LINKS):
        link(name, outside / "mine.txt")
        assert f"{name} is a link to" in error_line(RESUMES[door], *[])


@pytest.mark.parametrize("door", RESUMES)
def test_a_folder_of_checkpoints_elsewhere_is_refused(door: str, outside: Path) -> None:
    edit_config(lambda config: config["checkpoint"].update(filename="{val/accuracy}"))
    link("checkpoints/val", outside)
    assert "checkpoints/val is a link" in error_line(RESUMES[door])


def test_an_export_folder_elsewhere_is_refused(outside: Path) -> None:
    link("export", outside)
    assert "downloaded/export is a link" in error_line(["export", RUN, "--to", "safetensors"])


def test_a_lock_of_repeat_is_not_followed(
    outside: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    with ledger(LINKS):
        monkeypatch.setattr(repeat, "start", lambda args, lock: 1)
        Path("x/mlp").mkdir(parents=True)
        Path("x/mlp/.repeat.lock").symlink_to(outside / "mine.txt")
        args = ["repeat", *MLP, "--seeds", "1", "--logger.save_dir", "x"]
        assert "x/mlp cannot be written" in error_line(args)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes")
@pytest.mark.parametrize("name", ["hparams.yaml", "projector_config.pbtxt", "curves.csv"])
def test_a_pipe_is_never_opened(name: str, ledger: Ledger) -> None:
    with ledger(ODD):
        Path(RUN, name).unlink(missing_ok=True)
        os.mkfifo(Path(RUN, name))
        assert f"{name} is neither a file nor a folder" in error_line("train --resume")
        if name == "curves.csv":
            with pytest.raises(InputError, match=r"has no curves\.csv"):
                _ = Run(Path(RUN)).metrics


@pytest.mark.parametrize("place", ["g/7", "g/null", "null/run", "{a: 1}/run", "g/~x", "g/1e3"])
def test_a_run_is_resumed_in_its_folder_whatever_its_name(place: str, ledger: Ledger) -> None:
    with ledger(ODD):
        Path(place).parent.mkdir()
        Path(RUN).rename(place)
        if place == "g/~x":
            assert "may have no $" in error_line(["fit", "--resume", place])
            return
        before = {path for path in Path.cwd().rglob("*") if "checkpoints" not in str(path)}
        cli = run(["fit", "--resume", place, "--trainer.max_epochs", "2"])
        assert cli.run_folder == Path(place).resolve()
        new = {path for path in Path.cwd().rglob("*") if "checkpoints" not in str(path)} - before
        assert all(path.is_relative_to(Path(place).resolve()) for path in new)


def test_a_variable_in_a_folder_name_is_not_replaced(ledger: Ledger) -> None:
    with ledger(ODD):
        Path("g").mkdir()
        Path(RUN).rename("g/a$HOME")
        assert "may have no $ in its path" in error_line(["fit", "--resume", "g/a$HOME"])


@pytest.mark.parametrize(
    ("class_path", "args"),
    [
        ("probs.csv", ["predict", "--ckpt_path", ".", "--output", "probs.csv"]),
        ("zz.zz", ["validate", "--ckpt_path", ".", "--trainer.callbacks", "zz.zz"]),
    ],
)
def test_a_word_that_is_typed_for_something_else_names_no_net(
    class_path: str, args: list[str], monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    with ledger(ODD):
        edit_config(lambda config: config["model"].update(class_path=class_path))
        monkeypatch.chdir(RUN)
        Path(class_path.partition(".")[0] + ".py").write_text("open('ran', 'w')")
        assert "may only name trusted classes" in error_line(args)
        assert not Path("ran").exists()


@pytest.mark.parametrize("content", [ValueError("x"), torch.Size([1]), torch.float32])
def test_a_checkpoint_holds_plain_values_only(content: object, ledger: Ledger) -> None:
    """torch.distributed, which Lightning imports, adds classes to what torch reads."""
    import torch.distributed.tensor  # noqa: F401

    with ledger(ODD):
        edit_checkpoints(lambda checkpoint: checkpoint.update(extra=content))
        if isinstance(content, ValueError):
            assert "not read for safety" in error_line("validate")
        else:
            open_run("validate")  # torch's own plain values
