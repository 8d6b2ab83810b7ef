"""Run folders: which one is meant, what is read from it, and what is refused."""

import json
import os
from pathlib import Path

import pytest
import yaml

from deepdigits.core.errors import InputError
from deepdigits.runs.json_files import read_json, write_json
from deepdigits.runs.resolve import latest_run, resolve_run
from deepdigits.runs.search import runs_below

CONFIG = {"model": {"class_path": "LitCNN"}, "seed_everything": 3}


def make(folder: str, *checkpoints: str, age: float = 0) -> Path:
    """A run folder below the working directory, started ``age`` seconds ago."""
    path = Path(folder)
    (path / "checkpoints").mkdir(parents=True)
    (path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    for name in checkpoints:
        (path / "checkpoints" / name).touch()
    written = (path / "config.yaml").stat().st_mtime - age
    os.utime(path / "config.yaml", (written, written))
    return path


def refusal(call: object, *args: object) -> str:
    with pytest.raises(InputError) as caught:
        call(*args)  # type: ignore[operator]
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_run_is_found_by_its_folder() -> None:
    folder = make("lightning_logs/cnn/version_0", "best.ckpt", "last.ckpt")
    run = resolve_run(str(folder))
    assert run.folder == folder
    assert run.config == CONFIG
    assert run.checkpoint == folder / "checkpoints" / "best.ckpt"


def test_run_of_another_place_is_found_too(tmp_path: Path) -> None:
    folder = make(str(tmp_path / "elsewhere" / "mine"), "last.ckpt")
    assert resolve_run(f"{folder}/").checkpoint == folder / "checkpoints" / "last.ckpt"


def test_named_checkpoint_is_the_one_that_is_used(tmp_path: Path) -> None:
    folder = make("lightning_logs/cnn/version_0", "best.ckpt", "last.ckpt", "epoch=3.ckpt")
    for name in ("last.ckpt", "epoch=3.ckpt"):
        run = resolve_run(str(folder / "checkpoints" / name))
        assert run.checkpoint == tmp_path / folder / "checkpoints" / name
        assert run.folder == tmp_path / folder
        assert run.config == CONFIG


def test_latest_is_the_run_that_was_started_last_and_no_reference_run() -> None:
    make("lightning_logs/cnn/version_0", age=100)
    second = make("lightning_logs/mlp/version_0", age=50)
    make("lightning_logs/mlp/version_10", age=70)
    make("lightning_logs/reference/cnn", age=-10)
    make("lightning_logs/reference/more/nested", age=-10)
    assert resolve_run("latest").folder == latest_run().folder == second
    for path in second.rglob("*"):  # what is written into an older run makes it no newer
        assert path.exists()
    (Path("lightning_logs/cnn/version_0") / "report.json").touch()
    assert latest_run().folder == second


def test_latest_looks_into_the_folder_of_runs_that_is_given() -> None:
    make("lightning_logs/cnn/version_0")
    other = make("other_logs/cnn/version_0", age=100)
    assert resolve_run("latest", Path("other_logs")).folder == other


def test_a_config_of_the_user_hides_no_runs() -> None:
    first, second = make("logs/cnn/version_0", age=9), make("logs/cnn/version_1")
    started = make("logs/mlp/version_0", age=5)
    (second / "report.json").write_text('{"overall": {}}')
    for name in ("config.yaml", "cnn/config.yaml", "notes/config.yaml"):
        Path("logs", name).parent.mkdir(exist_ok=True)
        Path("logs", name).write_text("of: the user")
    Path("logs/report.json").write_text('{"of": "the user"}')
    Path("logs/checkpoints").mkdir()
    assert {run.folder for run in runs_below(Path("logs"))} == {first, second, started}
    assert resolve_run("logs/latest").folder == second
    assert runs_below(Path("logs/notes")) == []
    assert resolve_run("logs/notes").folder == Path("logs/notes")  # typed: it may be one


def test_no_run_at_all_is_refused_with_a_way_out() -> None:
    assert "`deepdigits train -c cnn`" in refusal(resolve_run, "latest")
    make("lightning_logs/reference/cnn")
    assert "no run in lightning_logs" in refusal(resolve_run, "latest")


def test_run_that_is_not_there_is_refused() -> None:
    message = refusal(resolve_run, "lightning_logs/cnn/version_7")
    assert "lightning_logs/cnn/version_7 does not exist" in message
    assert "`latest`" in message


def test_folder_that_is_no_run_is_refused() -> None:
    Path("empty").mkdir()
    assert "empty has no config.yaml" in refusal(resolve_run, "empty")


def test_checkpoint_outside_a_run_folder_is_refused() -> None:
    Path("loose.ckpt").touch()
    message = refusal(resolve_run, "loose.ckpt")
    assert "loose.ckpt is not in a run folder" in message
    assert "config.yaml" in message


def test_run_without_checkpoint_is_refused_when_one_is_needed() -> None:
    folder = make("lightning_logs/cnn/version_0")
    run = resolve_run(str(folder))
    with pytest.raises(InputError, match="has no checkpoint") as caught:
        _ = run.checkpoint
    assert str(folder / "checkpoints") in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"model: [LitCNN", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"- just\n- a list\n", "expected a mapping"),
        (b"", "expected a mapping"),
    ],
)
def test_damaged_config_is_named(content: bytes, reason: str) -> None:
    folder = make("lightning_logs/cnn/version_0")
    (folder / "config.yaml").write_bytes(content)
    run = resolve_run(str(folder))
    assert reason in refusal(lambda: run.config)
    assert str(folder / "config.yaml") in refusal(lambda: run.config)


@pytest.mark.parametrize("content", [b'{"accuracy": 0.9', b"[1, 2]", b"\xff\xfe", b""])
def test_damaged_report_is_named(content: bytes) -> None:
    folder = make("lightning_logs/cnn/version_0")
    (folder / "report.json").write_bytes(content)
    message = refusal(read_json, folder / "report.json")
    assert str(folder / "report.json") in message


def test_json_is_read_back_as_written_and_missing_is_none(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    assert read_json(path) is None
    content = {"accuracy": 0.995, "class": {"0": {"f1": 1 / 3}}, "loss": None}
    assert write_json(path, content) == tmp_path / "report.json"
    assert read_json(path) == content
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("failing", ["dumps", "write", "replace"])
def test_failed_write_leaves_the_old_report_whole(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"accuracy": 0.9})
    content: dict[str, object] = {"accuracy": 0.99}
    if failing == "dumps":
        content["oops"] = object()
    else:

        def interrupted(path: Path, *args: object) -> None:
            if failing == "write":
                with path.open("w") as file:
                    file.write('{"accu')  # as far as the disk went
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, f"{failing}_text" if failing == "write" else failing, interrupted)
    with pytest.raises((OSError, TypeError)):
        write_json(path, content)
    assert json.loads((tmp_path / "report.json").read_text()) == {"accuracy": 0.9}
