"""The events of a run, read with TensorBoard's own reader."""

import re
from itertools import product
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from deepdigits.__main__ import run
from deepdigits.training.callbacks.hyperparameters import FINAL_METRICS, FIRST_COLUMNS

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_folder):
    folder = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        configs = ["-c", str(CONFIGS / "mlp.yaml"), "-c", str(CONFIGS / "trainer" / "debug.yaml")]
        cli = run(["train", *configs, "--trainer.log_every_n_steps", "5"])
    events = EventAccumulator(str(folder / "lightning_logs" / "mlp" / "version_0"))
    events.Reload()
    return cli, events


def last(events, tag):
    return events.Scalars(tag)[-1].value


def test_curves_of_both_stages_and_of_each_class(trained):
    _, events = trained
    tags = set(events.Tags()["scalars"])
    names = product(("val", "test"), ("precision", "recall", "f1"), range(10))
    assert {f"{stage}/{name}/{label}" for stage, name, label in names} <= tags
    assert {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/f1_macro"} <= tags
    assert [event.step for event in events.Scalars("train/loss_step")] == [4, 9, 14, 19]
    assert len(events.Scalars("val/loss")) == len(events.Scalars("train/loss")) == 2


def test_learning_rate_falls_to_zero_at_the_end(trained):
    _, events = trained
    rates = [event.value for event in events.Scalars("lr")]
    assert max(rates) > 1e-3
    assert rates[-1] < 1e-6


def test_scalars_equal_the_report(trained):
    cli, events = trained
    report = cli.report_writer.report
    assert last(events, "test/accuracy") == pytest.approx(report.accuracy, abs=1e-7)
    assert last(events, "test/f1_macro") == pytest.approx(report.f1_macro, abs=1e-7)
    for label, scores in enumerate(report.classes):
        assert last(events, f"test/precision/{label}") == pytest.approx(scores.precision, abs=1e-7)
        assert last(events, f"test/recall/{label}") == pytest.approx(scores.recall, abs=1e-7)
        assert last(events, f"test/f1/{label}") == pytest.approx(scores.f1, abs=1e-7)


def test_hyperparameters_are_shown_with_final_metrics_that_exist(trained):
    cli, events = trained
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert start.hparams["model"].string_value == "LitMLP"
    assert start.hparams["lr"].number_value == cli.model.hparams["lr"]
    assert start.hparams["batch_size"].number_value == 256
    content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    shown = {info.name.tag for info in experiment.metric_infos}
    assert shown == set(FINAL_METRICS) <= set(events.Tags()["scalars"])
    assert "hp_metric" not in events.Tags()["scalars"]


def test_the_table_has_columns_for_all_nets_and_selects_five(trained):
    _, events = trained  # TensorBoard takes the columns from any one of the runs
    content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    selected = {info.name: info.differs for info in experiment.hparam_infos}
    assert {"hidden_sizes", "channels", "kernel_sizes", "dropout", "batch_size"} <= set(selected)
    assert {name for name, first in selected.items() if first} == set(FIRST_COLUMNS)
    assert len(FIRST_COLUMNS) == 5


def test_digits_of_the_projector_are_colored_and_transparent(trained):
    _, events = trained
    (path,) = Path(events.path).glob("*/penultimate/sprite.png")
    with Image.open(path) as sprite:
        assert (sprite.mode, sprite.size) == ("RGBA", (45 * 28, 45 * 28))
        assert sprite.getpixel((0, 0))[3] == 0
    config = (path.parents[2] / "projector_config.pbtxt").read_text()
    assert str(path.relative_to(path.parents[2])) in config


def test_custom_charts_name_curves_that_exist(trained):
    _, events = trained
    (tensor,) = events.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(tensor.tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for c in layout.category for chart in c.chart}
    tags = events.Tags()["scalars"]
    found = {
        title: {tag for tag in tags for pattern in patterns if re.search(pattern, tag)}
        for title, patterns in charts.items()
    }
    assert found["loss"] == {"train/loss", "val/loss"}
    assert found["accuracy"] == {"train/accuracy", "val/accuracy"}
    assert found["f1"] == {f"val/f1/{label}" for label in range(10)}
