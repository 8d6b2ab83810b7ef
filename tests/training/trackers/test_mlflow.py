"""The real MLflow, on a local SQLite file."""

import socket
import time
from collections import Counter
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow", reason="needs pip install mlflow")
pytest.importorskip("sqlalchemy", reason="needs pip install mlflow")

from deepdigits.training.trackers.mlflow import ContinuedMLFlowLogger, allowed_name  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("no_telemetry"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # those of MLflow itself
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # it closes no database
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PICTURES = {"train~digits", "filters"} | {
    f"{stage}~{name}"
    for stage in ("val", "test")
    for name in ("confusion", "mistakes", "reliability")
}
FILES = {"config.yaml", "training.json", "curves.csv", "curves.png"}
FILES |= {"report.json", "report.md", "confusion.png", "mistakes.png"}


@pytest.fixture
def no_telemetry(monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path}/mlflow.db"  # absolute: MLflow keeps the database of each URI open


@pytest.fixture
def client(uri):
    return mlflow.MlflowClient(uri)


@pytest.fixture
def flags(uri):
    return flags_of(uri)


def flags_of(uri, option="--trainer.logger"):
    more = [f"--trainer.logger.tracking_uri={uri}", "--trainer.logger.experiment_name=digits"]
    return [f"{option}=MLFlowLogger", *more]


def runs_of(client):
    experiment = client.get_experiment_by_name("digits")
    return client.search_runs([experiment.experiment_id])


def steps(client, run, name="train/loss_step"):
    return [metric.step for metric in client.get_metric_history(run.info.run_id, name)]


def test_a_run_shows_metrics_settings_pictures_and_files(train, client, flags):
    result = train(*flags)
    (run,) = runs_of(client)
    assert (run.info.run_name, run.info.status) == ("mlp/version_0", "FINISHED")
    assert steps(client, run) == list(range(8))
    assert {"lr", "images_per_second", "val/f1/3"} <= run.data.metrics.keys()
    assert run.data.metrics["test/accuracy"] == pytest.approx(result.report.accuracy, abs=1e-6)
    shown = {"model": "LitMLP", "dataset": "mnist", "batch_size": "65", "lr": "0.01", "seed": "0"}
    assert run.data.params.items() >= shown.items()
    artifacts = {one.path for one in client.list_artifacts(run.info.run_id)}
    assert artifacts == FILES | {"images"}
    images = [Path(one.path).name for one in client.list_artifacts(run.info.run_id, "images")]
    drawn = Counter(name.partition("+step+")[0] for name in images if name.endswith(".png"))
    assert drawn == dict.fromkeys(PICTURES, 1) | {"filters": 2}
    text = client.download_artifacts(run.info.run_id, "report.md")
    assert Path(text).read_text() == (result.folder / "report.md").read_text()


def test_a_resumed_run_goes_on_in_the_same_run(train, client, flags):
    first = train(*flags)
    more = ["--trainer.max_epochs", "3", "--model.lr", "0.001"]  # MLflow keeps the first value
    train(*flags, *more, resume=first)
    (run,) = runs_of(client)
    assert steps(client, run) == list(range(12))
    assert run.info.status == "FINISHED"
    assert run.data.params["lr"] == "0.01"


def test_a_run_that_the_server_does_not_have_begins_anew(train, flags, capsys, tmp_path):
    first = train(*flags)
    other = f"sqlite:///{tmp_path}/other.db"
    train(*flags_of(other), "--trainer.max_epochs", "3", resume=first)
    client = mlflow.MlflowClient(other)
    (run,) = runs_of(client)
    assert steps(client, run) == list(range(8, 12))
    assert run.data.params["max_epochs"] == "3"
    assert "has failed" not in capsys.readouterr().err


def test_a_typed_run_comes_before_the_kept_one(train, client, flags):
    first = train(*flags)
    other = client.create_run(runs_of(client)[0].info.experiment_id).info.run_id
    more = ["--trainer.logger.run_id", other, "--trainer.max_epochs", "3"]
    train(*flags, *more, resume=first)
    assert steps(client, client.get_run(other)) == list(range(8, 12))


def test_two_mlflow_loggers_have_a_run_each(train, client, uri):
    two = 2 * flags_of(uri, "--trainer.logger+")
    run = train(*two)
    assert len(runs_of(client)) == 2
    train(*two, "--trainer.max_epochs", "3", resume=run)
    assert [steps(client, one) for one in runs_of(client)] == [list(range(12))] * 2


def test_the_config_keeps_tensorboard(train, tmp_path):
    run = train("-c", "mlflow")
    assert list(run.folder.glob("events.out.tfevents*"))
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("deepdigits")
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_names_that_mlflow_refuses_are_changed(client, uri):
    names = ["a/b", "loss (é)", "/a//b/", "..", "x" * 300, "a:b", "", "%"]
    logger = ContinuedMLFlowLogger("digits", tracking_uri=uri)
    logger.log_metrics({name: float(number) for number, name in enumerate(names)}, 3)
    logger.log_hyperparams({"of é": {"inner": 1, "more": {"x": None}}, "y": [1]})
    logger.log_hyperparams({"of é": {"inner": 2}})
    (run,) = runs_of(client)
    assert run.data.metrics.keys() == {*map(allowed_name, names)} >= {"a/b", "loss ___"}
    assert run.data.params == {"of _/inner": "1", "of _/more/x": "None", "y": "[1]"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("http://me:secret@127.0.0.1:9", "Connection refused"),
        ("htp://server", "unsupported URI 'htp://server'"),
        ("sqlite:////proc/none/mlflow.db", "/proc/none"),
    ],
)
def test_a_server_that_is_not_there_is_one_line(wrong, reason, train, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    train("--trainer.logger", "MLFlowLogger", f"--trainer.logger.tracking_uri={wrong}")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("MLFlowLogger has failed (")
    assert reason in line
    assert "secret" not in line
    assert "it lacks the metrics of this run" in line


def test_a_server_that_does_not_answer_is_one_line(train, capsys, monkeypatch):
    monkeypatch.setenv("DEEPDIGITS_TRACKER_TIMEOUT", "2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        begin = time.monotonic()
        train("--trainer.logger", "MLFlowLogger", f"--trainer.logger.tracking_uri={address}")
        assert time.monotonic() - begin < 30
    (line,) = capsys.readouterr().err.splitlines()
    assert "no answer within 2 seconds" in line


@pytest.mark.parametrize("method", ["log_batch", "log_image", "log_artifact", "set_terminated"])
def test_a_server_that_goes_away_is_one_line(method, train, capsys, monkeypatch, flags):
    def refuse(*args, **settings):
        raise mlflow.exceptions.MlflowException("the server has gone")

    monkeypatch.setattr(mlflow.MlflowClient, method, refuse)
    train(*flags)
    (line,) = capsys.readouterr().err.splitlines()
    assert "MLFlowLogger has failed (MlflowException: the server has gone)" in line
