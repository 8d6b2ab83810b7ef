"""The real W&B, in offline mode."""

import re
from collections import Counter
from pathlib import Path

import pytest

wandb = pytest.importorskip("wandb", reason="needs pip install wandb")

pytestmark = [
    pytest.mark.usefixtures("offline"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # those of W&B itself
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WANDB = ["--trainer.logger", "WandbLogger", "--trainer.logger.project", "digits"]
FILES = {"config.yaml", "training.json", "curves.csv", "curves.png"}
FILES |= {"report.json", "report.md", "confusion.png", "mistakes.png"}


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    wandb.teardown()  # it reads the environment once
    yield
    wandb.teardown()


def offline_runs():
    return sorted(Path("wandb").glob("offline-run-*"))


def times_logged(folder, name):
    """How often a name is in the records of a run: once for each value, and a few times more."""
    (file,) = folder.glob("*.wandb")
    return len(re.findall(re.escape(name).encode(), file.read_bytes()))


def test_a_run_shows_metrics_settings_pictures_and_files(train):
    result = train(*WANDB)
    (folder,) = offline_runs()
    assert times_logged(folder, "train/loss_step") >= 8
    assert times_logged(folder, "test/accuracy") >= 1
    assert times_logged(folder, "LitMLP") >= 1
    assert times_logged(folder, "mlp/version_0") >= 1
    taken = {path.name for path in (folder / "files" / "run_folder").iterdir()}
    assert taken == FILES
    for name in FILES - {"config.yaml"}:
        copy = folder / "files" / "run_folder" / name
        assert copy.read_bytes() == (result.folder / name).read_bytes()
    media = folder / "files" / "media"
    images = media / "images"
    drawn = Counter(
        path.relative_to(images).as_posix().partition("_")[0] for path in images.rglob("*.png")
    )
    stages = [f"{s}/{n}" for s in ("val", "test") for n in ("confusion", "mistakes", "reliability")]
    assert drawn == dict.fromkeys([*stages, "train/digits"], 1) | {"filters": 2}
    (report,) = media.rglob("*.html")
    assert "macro" in report.read_text() or "overall" in report.read_text()
    assert wandb.run is None  # the next training gets a run of its own


def test_a_resumed_run_goes_on_in_the_same_run(train):
    first = train(*WANDB)
    train(*WANDB, "--trainer.max_epochs", "3", resume=first)
    former, later = offline_runs()
    assert former.name.rpartition("-")[2] == later.name.rpartition("-")[2]
    assert 4 <= times_logged(later, "train/loss_step") < times_logged(former, "train/loss_step")


def test_two_trainings_of_one_process_have_a_run_each(train):
    train(*WANDB)
    train(*WANDB)
    ids = {folder.name.rpartition("-")[2] for folder in offline_runs()}
    assert len(ids) == 2


def test_the_users_own_run_stays_open(train):
    own = wandb.init(project="mine")
    try:
        with pytest.warns(UserWarning, match="a wandb run already in progress"):
            train(*WANDB)
        assert wandb.run is own
    finally:
        own.finish()
    assert len(offline_runs()) == 1


def test_a_missing_key_is_one_line(train, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    wandb.teardown()
    train(*WANDB)
    lines = [line for line in capsys.readouterr().err.splitlines() if "wandb:" not in line]
    (line,) = lines
    assert line.startswith("WandbLogger has failed (UsageError: No API key configured.")


def test_a_server_that_is_not_there_is_one_line(train, capsys, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    wandb.teardown()
    train(*WANDB)
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "wandb: " not in x]
    assert line.startswith("WandbLogger has failed (CommError: ")


@pytest.mark.parametrize("method", ["log", "save", "finish"])
def test_a_run_that_fails_is_one_line(method, train, capsys, monkeypatch):
    def refuse(*args, **settings):
        raise wandb.errors.CommError("the server has gone")

    with monkeypatch.context() as patch:
        patch.setattr(wandb.Run, method, refuse)
        train(*WANDB)
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "wandb: " not in x]
    assert "WandbLogger has failed (CommError: the server has gone)" in line
    if method == "finish" and wandb.run is not None:
        wandb.finish()
