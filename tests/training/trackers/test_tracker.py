"""A logger that fails, hangs or is unusual never stops a training."""

import json
import os
import pickle
import time
from pathlib import Path
from unittest import mock

import pytest
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from deepdigits.core.errors import InputError, RunFailed
from deepdigits.runs.run import Run
from deepdigits.training.trackers import kinds, limits
from deepdigits.training.trackers.tracker import Tracker
from deepdigits.training.trackers.worker import Worker

pytestmark = pytest.mark.usefixtures("blank_figures", "own_logger")

OWN = ["--trainer.logger", "own_logger.Own"]
IN_EPOCH = {"train/loss_step", "lr", "images_per_second", "epoch"}
STEPS = list(range(8))  # two epochs of four batches


def got(method):
    """What the user's logger got."""
    lines = Path("own.jsonl").read_text().splitlines() if Path("own.jsonl").is_file() else []
    return [value for name, value in map(json.loads, lines) if name == method]


def steps_of(rows):
    return [int(row["step"]) for row in rows if row.get("train/loss_step")]


def rows_of(run):
    lines = (run.folder / "metrics.csv").read_text().splitlines()
    return [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]


def test_a_logger_of_the_user_without_name_and_folder_gets_all_metrics(train, capsys):
    train(*OWN)
    rows = got("log_metrics")
    assert steps_of(rows) == STEPS
    assert all(row.keys() >= IN_EPOCH for row in rows if "lr" in row)
    assert {"train/loss", "val/accuracy", "test/f1_macro"} <= set().union(*rows)
    assert got("finalize") == ["success", "success"]  # of the training and of the test
    assert got("after_save_checkpoint")
    assert "failed" not in capsys.readouterr().err


def test_several_loggers_get_the_same_metrics(train):
    loggers = ["--trainer.logger+=TensorBoardLogger", "--trainer.logger.save_dir=lightning_logs"]
    loggers += ["--trainer.logger+=CSVLogger", "--trainer.logger.save_dir=lightning_logs"]
    run = train(*loggers, "--trainer.logger+=own_logger.Own")
    assert steps_of(rows_of(run)) == steps_of(got("log_metrics")) == STEPS
    last = {name: value for row in rows_of(run) for name, value in row.items() if value}
    ours = {name: value for row in got("log_metrics") for name, value in row.items()}
    assert float(last["test/accuracy"]) == ours["test/accuracy"]
    assert last.keys() == ours.keys()
    assert list(run.folder.glob("events.out.tfevents*"))


@pytest.mark.parametrize(
    "method",
    [
        *("__init__", "experiment", "log_metrics", "log_hyperparams", "log_graph"),
        *("save", "finalize", "after_save_checkpoint"),
    ],
)
def test_what_a_logger_raises_is_one_line(method, train, capsys):
    train(*OWN, f"--trainer.logger.fails={method}")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Own has failed (OSError: [Errno 28] No space left on https://server)")
    if method in ("finalize", "after_save_checkpoint"):
        assert "it lacks what follows step " in line
    else:
        assert "it lacks the metrics of this run; the training goes on" in line


def test_a_logger_that_fails_in_the_middle_gets_nothing_more(train, capsys):
    train(*OWN, "--trainer.logger.fails=log_metrics", "--trainer.logger.after=3")
    (line,) = capsys.readouterr().err.splitlines()
    assert "it lacks what follows step 2;" in line
    assert len(got("log_metrics")) == 3
    assert got("finalize") == []


def test_a_logger_that_fails_leaves_the_others_alone(train, capsys):
    loggers = ["--trainer.logger+=own_logger.Own", "--trainer.logger.fails=log_metrics"]
    loggers += ["--trainer.logger+=CSVLogger", "--trainer.logger.save_dir=lightning_logs"]
    run = train(*loggers)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert steps_of(rows_of(run)) == STEPS


@pytest.mark.parametrize(
    ("kind", "reason"), [("hangs", "no answer within 0.5 seconds"), ("exits", "SystemExit: 3")]
)
def test_a_logger_that_hangs_or_exits_is_one_line(kind, reason, train, capsys, monkeypatch):
    monkeypatch.setenv(limits.VARIABLE, "0.5")
    begin = time.monotonic()
    train(*OWN, "--trainer.logger.fails=log_metrics", f"--trainer.logger.kind={kind}")
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert time.monotonic() - begin < 25  # it hangs for 30 seconds


def test_a_wrong_limit_is_one_line(train, monkeypatch):
    monkeypatch.setenv(limits.VARIABLE, "soon")
    with pytest.raises(InputError, match="TRACKER_TIMEOUT is 'soon', expected a number"):
        train(*OWN)
    assert not Path("lightning_logs").exists()


def test_a_full_disk_stops_a_logger_that_writes_files(train, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CSVLogger, "save", full)
    with pytest.raises(RunFailed, match="No space left"):
        train("--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "lightning_logs")


def test_a_subclass_of_a_file_logger_is_the_users_own(train, capsys):
    train("--trainer.logger", "own_logger.FullDisk", "--trainer.logger.save_dir", "x")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("FullDisk has failed (OSError: [Errno 28] No space left on device)")


@pytest.mark.parametrize(("kind", "package"), [(MLFlowLogger, "mlflow"), (WandbLogger, "wandb")])
def test_a_missing_package_is_named(kind, package, train, monkeypatch):
    monkeypatch.setattr(kinds, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=f"^{kind.__name__} needs .* run pip install {package}$"):
        train("--trainer.logger", kind.__name__)
    assert not Path("lightning_logs").exists()


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    """Builds a tracker of the user's logger."""
    monkeypatch.syspath_prepend(tmp_path)
    from own_logger import Own  # type: ignore[import-not-found]

    def build(**settings):
        one = Tracker(Own, settings)
        one.place(tmp_path, 0)
        return one

    return build


def test_code_sees_the_logger_itself(tracker):
    from own_logger import Own

    one = tracker()
    assert isinstance(one, Own)
    assert isinstance(one, Logger)
    assert one.experiment == "my experiment"
    assert (one.name, one.version, one.save_dir) == (None, None, None)
    assert one.own_method(2) == 3
    assert one.fails == ""
    assert not hasattr(one, "no_such_attribute")
    assert not one.failed


@pytest.mark.parametrize("name", ["name", "version"])
def test_a_name_that_cannot_be_had_is_one_line(name, tracker, capsys):
    assert getattr(tracker(fails=name), name) == ""
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_method_of_its_own_does_not_raise_either(tracker, capsys):
    one = tracker(fails="own_method")
    assert one.own_method(2) is None
    assert one.failed
    assert one.own_method(2) is None
    one.experiment.anything(3)  # a user's module may go on using it
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_only_the_first_process_logs(tracker, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    tracker().log_metrics({"a": 1.0}, step=0)
    assert got("log_metrics") == []


def test_another_process_gets_a_tracker_that_works(tracker):
    one = tracker()
    one.log_metrics({"a": 1.0}, step=0)
    again = pickle.loads(pickle.dumps(one))
    again.log_metrics({"a": 2.0}, step=1)
    assert [row["a"] for row in got("log_metrics")] == [1.0, 2.0]


def test_a_forked_process_has_a_thread_of_its_own():
    worker = Worker()
    assert worker.call(lambda: 4, 10) == 4
    worker._calls.put(None)  # as in a child, whose threads are gone
    with mock.patch("os.getpid", return_value=-1):
        assert worker.call(lambda: 5, 10) == 5


def test_a_call_within_a_call_does_not_wait_for_itself():
    worker = Worker()
    assert worker.call(lambda: worker.call(lambda: 5, 1), 10) == 5


def test_figures_are_drawn_once_for_all_loggers(train, monkeypatch):
    from deepdigits.training.callbacks import dashboard

    def count(*loggers):
        drawn.clear()
        train(*loggers)
        return len(drawn)

    drawn = []
    as_written = dashboard.pixels
    monkeypatch.setattr(dashboard, "pixels", lambda f: drawn.append(1) or as_written(f))
    one = ["--trainer.logger+=TensorBoardLogger", "--trainer.logger.save_dir=lightning_logs"]
    two = [*one, "--trainer.logger+=TensorBoardLogger", "--trainer.logger.save_dir=other"]
    assert count(*two) == count(*one) > 5
    assert count("--trainer.logger", "CSVLogger", "--trainer.logger.save_dir=lightning_logs") == 0


def test_the_users_limits_are_kept(monkeypatch):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "500")
    limits.limit_waiting()
    assert os.environ["WANDB_INIT_TIMEOUT"] == "500"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"


def test_a_config_of_both_keeps_the_folder_of_the_group(train):
    run = train("-c", "csv", "--logger.save_dir", "runs", "--logger.name", "a")
    assert run.folder == Path("runs/a/version_0").absolute()
    assert steps_of(rows_of(run)) == STEPS
    assert (
        Run(run.folder).config["trainer"]["logger"][0]["class_path"].endswith("TensorBoardLogger")
    )
