"""A run is finished when its training, its test and all their files are; not before."""

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ledger import Ledger
from PIL import Image
from shell import finish, start
from tampering import edit_checkpoints
from trainings import RESUME, RUN, TRAIN, report, same_run

from deepdigits import compare, export, load
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.core.locks import sole_lock
from deepdigits.runs.finished import check_finished
from deepdigits.runs.run import Run
from deepdigits.training.folder_lock import sole_training

ONE_EPOCH = [*TRAIN, "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "4"]
SAME_INSTANT = "trainings started at the same instant: each has a folder, or one gets one line"
IN_THE_REPORT = "killed (SIGKILL) while the report is written, completed: the same run"
FILES = (
    *("config.yaml", "curves.csv", "curves.png", "training.json", "report.json", "report.md"),
    *("predictions.npz", "confusion.png", "mistakes.png", "finished.json"),
    *("checkpoints/best.ckpt", "checkpoints/last.ckpt"),
)


def complete(folder: Path) -> bool:
    """Whether a run folder has all its files, and is finished."""
    check_finished(folder, Run(folder).checkpoint)
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        Image.open(folder / name).load()  # raises if it is cut short
    return all((folder / name).is_file() for name in FILES)


# ---------------------------------------------------------------- a report and its weights


@pytest.fixture
def resumed_and_killed(downloaded: Path) -> Path:
    """A tested run, as after it was resumed and killed: other weights, the former report."""
    former = (downloaded / "report.json").read_bytes()
    edit_checkpoints(lambda content: content.update(epoch=5))
    (downloaded / "report.json").write_bytes(former)
    (downloaded / "finished.json").unlink()
    (downloaded / "training.json").unlink()
    return downloaded


def test_a_report_of_other_weights_is_not_passed_on(resumed_and_killed: Path) -> None:
    run_folder = resumed_and_killed
    with pytest.raises(InputError, match=r"is of other weights.*deepdigits report downloaded"):
        export(run_folder, to="safetensors")
    with pytest.raises(InputError, match="is of other weights"):
        _ = Run(run_folder).report
    assert load(run_folder).report == {}
    with pytest.raises(InputError, match="is unfinished: complete it with"):
        compare([run_folder])


def test_a_new_test_makes_the_report_belong_again(resumed_and_killed: Path) -> None:
    run(["report", str(resumed_and_killed)])
    assert export(resumed_and_killed, to="safetensors").files
    assert load(resumed_and_killed).report["errors"] == Run(resumed_and_killed).report.errors
    with pytest.raises(InputError, match="is unfinished"):  # its training was stopped all the same
        compare([resumed_and_killed])


@pytest.mark.parametrize("name", ["report.json", "training.json"])
def test_a_changed_file_is_named(name: str, downloaded: Path) -> None:
    check_finished(downloaded, Run(downloaded).checkpoint)
    content = json.loads((downloaded / name).read_text())
    (downloaded / name).write_text(json.dumps(content))  # other bytes, the same content
    with pytest.raises(InputError, match=f"{name} has changed since the run was finished"):
        check_finished(downloaded, Run(downloaded).checkpoint)


# ---------------------------------------------------------------- one training in a folder


def test_each_of_many_takes_a_folder_of_its_own(tmp_path: Path) -> None:
    def take(_: int) -> str:
        with sole_training(tmp_path / "mlp", None) as folder:
            (folder / "config.yaml").touch()
            return str(folder)

    with ThreadPoolExecutor(16) as threads:
        folders = list(threads.map(take, range(48)))
    assert len(set(folders)) == 48


def test_a_training_that_writes_nothing_leaves_nothing(tmp_path: Path) -> None:
    with sole_training(tmp_path / "logs" / "mlp", None, checkpoints=tmp_path / "c") as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "args", [["--resume", str(RUN)], ["-c", TRAIN[2], "--logger.version", "a"]]
)
def test_a_second_training_in_a_folder_gets_one_line(args: list[str]) -> None:
    run(ONE_EPOCH)
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}
    with sole_lock(RUN), pytest.raises(InputError, match=r"another training is running in .*mlp/a"):
        run(["train", *args])
    assert {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()} == before


@pytest.mark.reliability
@pytest.mark.parametrize("number", range(2))
def test_trainings_that_start_at_the_same_instant(number: int, ledger: Ledger) -> None:
    with ledger(SAME_INSTANT, 3):
        new = [*ONE_EPOCH[: ONE_EPOCH.index("--logger.version")], "--trainer.max_epochs", "1"]
        processes = [start(new, Path(), f"{place}.txt") for place in range(3)]
        for process in processes:
            process.join()
        texts = [Path(f"{place}.txt").read_text() for place in range(3)]
        assert [process.exitcode for process in processes] == [0, 0, 0], texts
        folders = sorted(RUN.parent.iterdir())
        assert [folder.name for folder in folders] == ["version_0", "version_1", "version_2"]
        assert all(complete(folder) for folder in folders)


@pytest.mark.reliability
def test_one_run_is_resumed_twice_at_the_same_instant(ledger: Ledger) -> None:
    with ledger(SAME_INSTANT, 2):
        run(ONE_EPOCH)
        more = [*RESUME, "--trainer.max_epochs", "12"]
        processes = [start(more, Path(), f"{place}.txt") for place in range(2)]
        for process in processes:
            process.join()
        assert sorted(process.exitcode or 0 for process in processes) == [0, 2]
        (line,) = (
            Path(f"{place}.txt").read_text().strip().splitlines()[-1]
            for place in range(2)
            if processes[place].exitcode
        )
        assert "another training is running in" in line
        assert complete(RUN)


# ---------------------------------------------------------------- killed at the end


@pytest.mark.reliability
@pytest.mark.parametrize(
    "moment",
    [
        *("training.json", "curves.csv", "curves.png", "checkpoints/last.ckpt"),
        *("predictions.npz", "confusion.png", "mistakes.png", "report.md", "report.json"),
    ],
)
def test_killed_while_the_report_is_written(
    moment: str, unbroken: Path, tmp_path: Path, ledger: Ledger
) -> None:
    """Killed as soon as a file is there; the file may be from an earlier epoch."""
    with ledger(IN_THE_REPORT):
        process = start(TRAIN, tmp_path)
        while process.is_alive() and not (RUN / moment).exists():
            time.sleep(0.0003)
        process.kill()
        process.join()
        assert process.exitcode in (-signal.SIGKILL, 0)
        if process.exitcode:
            with pytest.raises(InputError):
                check_finished(RUN, Run(RUN).checkpoint)
        code, text = finish(RESUME, tmp_path)
        assert code == 0, text
        assert same_run(tmp_path, unbroken)
        assert complete(RUN)


@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize(
    "last",
    [
        "no last.ckpt",
        pytest.param("finished.ckpt", marks=pytest.mark.reliability),
        pytest.param("last.ckpt", marks=pytest.mark.reliability),
    ],
)
def test_killed_after_the_only_epoch_it_gets_all_its_files(last: str) -> None:
    run(ONE_EPOCH)
    before = report(Path())
    lost = [name for name in FILES if not name.startswith("checkpoints/") and name[0] != "c"]
    for name in (*lost, "curves.csv", "curves.png", "confusion.png"):
        (RUN / name).unlink()
    checkpoint = RUN / "checkpoints/last.ckpt"
    if last == "no last.ckpt":
        checkpoint.unlink()
    elif last == "finished.ckpt":
        checkpoint.rename(checkpoint.with_name(last))
    run(RESUME)
    assert complete(RUN)
    assert report(Path()) == before
    run([*RESUME, "--trainer.max_epochs", "2"])  # the checkpoint can be resumed for more epochs
    assert json.loads((RUN / "training.json").read_text())["epochs"] == 2
    assert complete(RUN)
