"""Where a training writes, whatever its loggers are; and that it is found there again."""

import csv
import json
import os
from pathlib import Path

import pytest
import yaml

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.resolve import latest_run, resolve_run
from deepdigits.training.callbacks.run_folder import run_of

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

SMALL = ["--data.batch_size", "32", "--data.val_size", "60", "--model.hidden_sizes", "[8]"]
TRAIN = ["-c", "mlp", *SMALL, "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "2"]
RUN = Path("lightning_logs/mlp/version_0")
CSV = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir"]


def runs() -> list[str]:
    """The folders with a config.yaml, at any depth."""
    return sorted(str(path.parent) for path in Path().rglob("config.yaml"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- found again


@pytest.mark.parametrize("name", ["a", "exp/a", "exp/2026/a", "7", "1e3", "null_", "on"])
def test_latest_finds_a_run_at_any_depth(name: str) -> None:
    run(["fit", *TRAIN, "--logger.name", "older"])
    os.utime("lightning_logs/older/version_0/config.yaml", (1, 1))
    run(["fit", *TRAIN, "--logger.name", name])
    assert latest_run().folder == Path("lightning_logs", name, "version_0")
    run(["report", "latest"])
    assert Path("lightning_logs", name, "version_0", "report.json").is_file()
    assert not Path("lightning_logs/older/version_0/report.json").exists()


@pytest.mark.parametrize("version", ["7", "007", "1e3", "on", "a b"])
def test_a_version_is_the_text_that_was_typed(version: str) -> None:
    cli = run(["fit", *TRAIN, "--logger.version", version])
    assert cli.run_folder.name in (version, f"version_{version}")
    folder = cli.run_folder
    run(["fit", "--resume", str(folder), "--trainer.max_epochs", "2"])
    assert runs() == [os.path.relpath(folder)]


@pytest.mark.parametrize("name", ["007", "1_000", "null", "true", "2026-11-26", "~"])
def test_a_run_folder_that_yaml_takes_for_something_else_is_resumed(name: str) -> None:
    run(["fit", *TRAIN])
    folder = Path(f"lightning_logs/{name}/{name}")
    folder.parent.mkdir()
    RUN.rename(folder)
    RUN.parent.rmdir()
    if name == "~":  # TensorBoard would write into the home folder
        with pytest.raises(InputError, match="move it"):
            run(["fit", "--resume", str(folder)])
        return
    run(["fit", "--resume", str(folder), "--trainer.max_epochs", "2"])
    assert runs() == [str(folder)]
    assert {path.parent.name for path in Path().rglob("events*")} == {name}


def test_texts_of_a_python_call_stay_texts() -> None:
    settings = {"trainer.max_epochs": 1, "data.batch_size": 32, "data.val_size": 60}
    named = {"logger.name": "1e3", "logger.version": "007", "trainer.log_every_n_steps": 2}
    assert (
        deepdigits.train("mlp", settings | named).folder
        == Path("lightning_logs/1e3/007").absolute()
    )
    assert runs() == ["lightning_logs/1e3/007"]


def test_latest_of_another_folder() -> None:
    run(["fit", *TRAIN])
    run(["fit", *TRAIN, "--logger.save_dir", "elsewhere"])
    assert resolve_run("elsewhere/latest").folder == Path("elsewhere/mlp/version_0")
    assert resolve_run("latest").folder == RUN
    with pytest.raises(InputError, match="there is no run in nowhere yet"):
        resolve_run("nowhere/latest")


def test_links_that_form_a_circle_are_followed_once() -> None:
    run(["fit", *TRAIN, "--logger.save_dir", "disk"])
    Path("lightning_logs").mkdir()
    Path("lightning_logs/far").symlink_to(Path("disk").absolute())
    Path("disk/back").symlink_to(Path("lightning_logs").absolute())
    assert latest_run().folder == Path("lightning_logs/far/mlp/version_0")


@pytest.mark.parametrize("version", ["0", "mine"])
def test_a_finished_run_is_never_overwritten(version: str) -> None:
    run(["train", *TRAIN, "--logger.version", version])
    (folder,) = map(Path, runs())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for verb in ("train", "fit"):
        with pytest.raises(InputError, match=f"{folder} holds a run already.*--resume {folder}"):
            run([verb, *TRAIN, "--logger.version", version])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


# ---------------------------------------------------------------- loggers


def test_with_a_csv_logger_the_run_goes_on_where_it_is() -> None:
    run(["fit", *TRAIN, *CSV, "lightning_logs"])
    assert runs() == [str(RUN)]
    before = rows(RUN / "metrics.csv")
    assert latest_run().folder == RUN
    run(["fit", "--resume", "latest", "--trainer.max_epochs", "2"])  # the logger goes on by itself
    assert runs() == [str(RUN)]
    after = rows(RUN / "metrics.csv")
    assert [{k: row[k] for k in before[0]} for row in after[: len(before)]] == before
    assert {row["epoch"] for row in after} == {"0", "1"}
    assert list(Path().rglob("events*")) == []


def test_steps_after_the_checkpoint_are_logged_once() -> None:
    run(["fit", *TRAIN, *CSV, "lightning_logs", "--trainer.max_epochs", "2"])
    whole = rows(RUN / "metrics.csv")
    with (RUN / "metrics.csv").open("a", newline="") as file:  # a killed training had gone further
        csv.DictWriter(file, list(whole[0])).writerow({"step": 15, "epoch": 2})
        csv.DictWriter(file, list(whole[0])).writerow({"step": 17, "epoch": 2})
    run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "3"])
    steps = [int(row["step"]) for row in rows(RUN / "metrics.csv") if row.get("lr")]
    assert steps == sorted(set(steps))


def test_a_logger_of_another_place_names_the_run_folder() -> None:
    run(["fit", *TRAIN, *CSV, "out"])
    assert runs() == ["out/mlp/version_0"]
    run(["fit", *TRAIN, *CSV, "out", "--trainer.logger.name", "mine"])
    assert runs() == ["out/mine/version_0", "out/mlp/version_0"]


def test_two_loggers_with_folders_of_their_own_go_on_there() -> None:
    two = [
        {"class_path": "TensorBoardLogger", "init_args": {"save_dir": "lightning_logs"}},
        {"class_path": "CSVLogger", "init_args": {"save_dir": "tables"}},
    ]
    both = ["--trainer.logger", json.dumps(two)]
    run(["fit", *TRAIN, *both])
    run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "2", *both])
    assert [str(path) for path in Path().rglob("metrics.csv")] == [
        "tables/mlp/version_0/metrics.csv"
    ]
    assert {row["epoch"] for row in rows(Path("tables/mlp/version_0/metrics.csv"))} == {"0", "1"}
    assert list(RUN.glob("events*"))


def test_a_logger_that_could_send_must_be_typed_again() -> None:
    run(["fit", *TRAIN])
    config = yaml.safe_load((RUN / "config.yaml").read_text())
    config["trainer"]["logger"] = [
        {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "x"}},
        {"class_path": "lightning.pytorch.loggers.MLFlowLogger", "init_args": {}},
    ]
    (RUN / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match=r"sets trainer\.logger to .* --trainer\.logger again"):
        run(["fit", "--resume", str(RUN)])


@pytest.mark.parametrize("name", ["CSVLogger", "TensorBoardLogger", "my_logger.Folder"])
def test_a_logger_that_needs_a_folder_takes_that_of_all_runs(name: str) -> None:
    Path("my_logger.py").write_text(FOLDER)
    run(["fit", *TRAIN, "--trainer.logger", name])
    run(["fit", *TRAIN, "-c", json.dumps({"trainer": {"logger": [{"class_path": name}]}})])
    assert runs() == [str(RUN), str(RUN.with_name("version_1"))]
    assert (RUN / "metrics.csv").is_file() == (name == "CSVLogger")
    assert bool(list(RUN.glob("events*"))) == (name == "TensorBoardLogger")
    config = yaml.safe_load((RUN / "config.yaml").read_text())
    assert config["trainer"]["logger"]["init_args"]["save_dir"] == "lightning_logs"
    run(["fit", *TRAIN, "--trainer.logger", name, "--logger.save_dir", "out"])
    assert runs()[-1] == "out/mlp/version_0"
    with pytest.raises(InputError, match=r"required: tag$"):
        run(["fit", *TRAIN, "--trainer.logger", "my_logger.Tagged"])


SILENT = """
from lightning.pytorch.loggers import Logger


class Silent(Logger):
    name = version = None

    def log_metrics(self, *args, **settings):
        pass

    def log_hyperparams(self, *args, **settings):
        pass
"""


FOLDER = f"""{SILENT}

class Folder(Silent):
    def __init__(self, save_dir: str):
        assert save_dir == "lightning_logs"


class Tagged(Silent):
    def __init__(self, save_dir: str, tag: str):
        pass
"""


def test_a_logger_without_a_folder_leaves_a_whole_run() -> None:
    Path("my_logger.py").write_text(SILENT)
    run(["train", *TRAIN, "--trainer.logger", "my_logger.Silent"])
    assert runs() == [str(RUN)]
    assert (RUN / "report.json").is_file()
    assert (RUN / "checkpoints" / "last.ckpt").is_file()


# ---------------------------------------------------------------- files outside of the run


def test_without_a_logger_the_run_has_its_folder() -> None:
    Path("config.yaml").write_text("mine")
    cli = run(["train", *TRAIN, "--trainer.logger", "false"])
    assert Path("config.yaml").read_text() == "mine"
    assert {path.name for path in Path().iterdir()} == {"config.yaml", "lightning_logs"}
    assert {"report.json", "config.yaml", "curves.png"} <= {path.name for path in RUN.iterdir()}
    assert list(RUN.glob("events*")) == []
    assert run_of(cli.trainer).folder == RUN.absolute()
    run(["train", "--resume", str(RUN), "--trainer.max_epochs", "2"])
    assert list(Path().rglob("events*")) == []  # it goes on without one


def test_the_root_folder_of_the_trainer_holds_the_logs() -> None:
    run(["train", *TRAIN, "--trainer.default_root_dir", "root"])
    assert runs() == ["root/lightning_logs/mlp/version_0"]
    assert [path.name for path in Path().iterdir()] == ["root"]
    run(["fit", "--resume", "root/latest", "--trainer.max_epochs", "2"])
    assert runs() == ["root/lightning_logs/mlp/version_0"]
    run(["fit", "-c", "root/lightning_logs/mlp/version_0/config.yaml"])  # it runs again as it is
    assert runs()[-1] == "root/lightning_logs/mlp/version_1"


@pytest.mark.parametrize("flag", ["--trainer.fast_dev_run", "--trainer.barebones"])
def test_a_run_that_leaves_nothing(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("checkpoints").mkdir()
    Path("checkpoints/last.ckpt").write_text("mine")
    run(["train", *TRAIN[: TRAIN.index("--trainer.log_every_n_steps")], flag, "true"])
    assert [str(path) for path in Path().rglob("*")] == ["checkpoints", "checkpoints/last.ckpt"]
    assert "overall" in capsys.readouterr().out  # it is tested all the same
    with pytest.raises(InputError, match="leaves no run folder"):
        deepdigits.train("mlp", [*SMALL, flag, "true"])
