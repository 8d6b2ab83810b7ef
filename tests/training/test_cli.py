"""The command line: what a run leaves behind, what overrides what, what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.resolve import latest_run
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.execution import resolve_config

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIGS = Path(__file__).parents[2] / "configs"
MLP, CNN, DEBUG = (str(CONFIGS / name) for name in ("mlp.yaml", "cnn.yaml", "trainer/debug.yaml"))
REFERENCE = Path(__file__).parents[1] / "reference" / "seed_cnn_performance.json"
TIMES = {"training_seconds", "git_commit", "checkpoint_sha256"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_folder):
    """A folder with one short run of the MLP."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        run(["train", "-c", MLP, "-c", DEBUG])
    return folder


@pytest.fixture
def in_trained(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return Path("lightning_logs/mlp/version_0")


def read(path):
    return json.loads(Path(path).read_text())


def test_train_leaves_a_complete_run_folder(in_trained):
    names = {str(path.relative_to(in_trained)) for path in in_trained.rglob("*")}
    expected = {"config.yaml", "report.json", "checkpoints/best.ckpt", "checkpoints/last.ckpt"}
    assert expected <= names
    assert any("tfevents" in name for name in names)


def test_report_has_the_keys_of_the_reference_and_the_facts_of_the_run(in_trained):
    report, reference = read(in_trained / "report.json"), read(REFERENCE)
    assert report["overall"].keys() == reference["overall"].keys()
    assert report["class"].keys() == reference["class"].keys()
    assert report["class"]["0"].keys() == reference["class"]["0"].keys()
    assert report["overall"]["num_samples"] == 4000  # debug.yaml: two batches of 2,000
    assert report["overall"]["recall"] == pytest.approx(report["accuracy"], abs=1e-12)
    assert report["errors"] == round((1 - report["accuracy"]) * 4000)
    assert (report["split"], report["seed"], report["parameters"]) == ("test", 0, 109_770)
    assert (report["epochs"], report["steps"], report["dataset"]) == (2, 20, "mnist")
    assert {"hardware", "versions", "confusion_matrix", "loss"} | TIMES <= report.keys()


def test_testing_the_run_again_gives_the_same_report(in_trained):
    before = read(in_trained / "report.json")
    run(["test", "--ckpt_path", str(in_trained), "--trainer.limit_test_batches", "2"])
    assert read(in_trained / "report.json") == before
    run(["test", "--ckpt_path=latest", "--trainer.limit_test_batches", "2"])
    assert read(in_trained / "report.json") == before


def test_report_measures_any_split_and_leaves_the_test_report_alone(in_trained):
    before = (in_trained / "report.json").read_bytes()
    report = run(["report", str(in_trained / "checkpoints" / "last.ckpt"), "--split", "val"])
    written = read(in_trained / "report-val.json")
    assert written["split"] == "val"
    assert written["checkpoint"] == "checkpoints/last.ckpt"
    assert written["errors"] == report.errors
    assert (in_trained / "report.json").read_bytes() == before


def test_validate_agrees_with_report_on_the_validation_split(in_trained):
    run(["validate", "--ckpt_path", str(in_trained)])
    by_validate = read(in_trained / "report-val.json")["confusion_matrix"]
    run(["report", str(in_trained), "--split", "val"])
    assert sum(map(sum, by_validate)) == 5000  # the limits of the training are not those of today
    assert read(in_trained / "report-val.json")["confusion_matrix"] == by_validate


def test_saved_config_runs_again_and_gives_the_same_result(in_trained, tmp_path, monkeypatch):
    config = (in_trained / "config.yaml").resolve()
    first = read(in_trained / "report.json")
    monkeypatch.chdir(tmp_path)
    run(["train", "-c", str(config)])
    again = read("lightning_logs/mlp/version_0/report.json")
    assert {k: v for k, v in again.items() if k not in TIMES} == {
        k: v for k, v in first.items() if k not in TIMES
    }


def test_stacked_configs_and_flags_override_in_order(tmp_path):
    flags = ["--model.dropout", "0.5", "--data.batch_size", "128", "--data.eval_batch_size", "100"]
    cli = run(["train", "-c", CNN, "-c", DEBUG, *flags])
    saved = yaml.safe_load(Path("lightning_logs/cnn/version_0/config.yaml").read_text())
    assert saved["model"]["init_args"]["dropout"] == 0.5
    assert saved["model"]["init_args"]["label_smoothing"] == 0.05  # cnn.yaml
    assert saved["data"]["batch_size"] == 128
    assert saved["trainer"]["limit_train_batches"] == 10  # debug.yaml
    assert cli.model.net.hidden[-1].p == 0.5
    assert next(iter(cli.datamodule.train_dataloader())).images.shape[0] == 128


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # it has: the run has a new folder
def test_typed_flags_win_over_the_checkpoint(in_trained):
    checkpoint = str(in_trained / "checkpoints" / "last.ckpt")
    flags = ["--model.lr", "0.001", "--trainer.max_epochs", "3", "--logger.name", "resumed"]
    cli = run(["fit", "-c", MLP, "-c", DEBUG, "--ckpt_path", checkpoint, *flags])
    assert cli.model.lr == 0.001
    assert cli.trainer.current_epoch == 3
    assert cli.trainer.global_step == 30


def test_plain_fit_goes_on_where_the_run_is_that_its_checkpoint_lies_in(in_trained, tmp_path):
    folder = tmp_path / "elsewhere" / "mlp" / "version_7"
    shutil.copytree(in_trained, folder)
    checkpoint = str(folder / "checkpoints" / "last.ckpt")
    more = ["--trainer.max_epochs", "3", "--ckpt_path", checkpoint]
    cli = run(["fit", "-c", str(folder / "config.yaml"), *more])
    assert Path(cli.trainer.log_dir).resolve() == folder
    assert cli.trainer.global_step == 30
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 30
    assert [path.name for path in folder.parent.iterdir()] == ["version_7"]


@pytest.mark.parametrize("name", ["missing.ckpt", "best", "http://127.0.0.1/last.ckpt"])
def test_checkpoint_to_go_on_from_that_is_not_there_is_named(name):
    with pytest.raises(InputError, match=f"checkpoint {name} does not exist"):
        run(["fit", "-c", MLP, "--ckpt_path", name])


def test_named_groups_configure_checkpoints_and_early_stopping(tmp_path):
    stop = ["--early_stopping.patience", "1", "--early_stopping.min_delta", "100"]
    keep = ["--checkpoint.monitor", "val/f1_macro", "--checkpoint.save_last", "false"]
    cli = run(["fit", "-c", MLP, "-c", DEBUG, "--trainer.max_epochs", "9", *stop, *keep])
    assert cli.trainer.current_epoch == 2
    assert not Path("lightning_logs/mlp/version_0/checkpoints/last.ckpt").exists()
    checkpoint = cli.trainer.checkpoint_callback
    assert checkpoint.monitor == "val/f1_macro"
    assert checkpoint.best_model_score == cli.trainer.callback_metrics["val/f1_macro"]


@pytest.mark.parametrize(
    ("monitor", "mode"), [("val/loss", "min"), ("val/accuracy", "max"), ("val/f1/9", "max")]
)
def test_the_direction_follows_the_figure_that_is_watched(monitor, mode):
    flags = ["--early_stopping.monitor", monitor, "--checkpoint.monitor", monitor]
    config = resolve_config(["-c", MLP, *flags])
    assert config["checkpoint"]["mode"] == config["early_stopping"]["mode"] == mode
    typed = resolve_config(["-c", MLP, *flags, "--checkpoint.mode", "min"])
    assert typed["checkpoint"]["mode"] == "min"


@pytest.mark.parametrize("verb", [["train"], ["repeat", "--seeds", "1"]])
@pytest.mark.parametrize("devices", ["?0", "two", "1;2"])
def test_devices_that_are_no_number_are_refused_and_nothing_is_written(verb, devices, tmp_path):
    with pytest.raises(InputError, match=r"^trainer.devices is .*, expected a number"):
        run([*verb, "-c", MLP, "--trainer.devices", devices])
    assert not list(tmp_path.iterdir())


def test_devices_of_which_there_must_be_one_are_refused_in_a_line(tmp_path):
    with pytest.raises(InputError, match=r"devices='0'.* is not a valid input"):
        run(["train", "-c", MLP, "--trainer.accelerator", "cpu", "--trainer.devices", "0"])


def test_the_checkpoint_with_the_least_loss_is_the_best(tmp_path):
    cli = run(["fit", "-c", MLP, "-c", DEBUG, "--checkpoint.monitor", "val/loss"])
    least = min(value for _, value in cli.report_writer.state_dict()["history"]["val/loss"])
    assert cli.trainer.checkpoint_callback.best_model_score.item() == pytest.approx(least)


def test_without_validation_the_last_checkpoint_is_tested(tmp_path):
    cli = run(["train", "-c", MLP, "-c", DEBUG, "--data.val_size", "0"])
    assert cli.report_writer.report.num_samples == 4000
    assert torch.load(cli.trainer.ckpt_path, weights_only=True)["epoch"] == 1


def test_averaged_weights_are_the_ones_that_are_tested(tmp_path):
    cli = run(["train", "-c", MLP, "-c", DEBUG, "--ema_decay", "0.9"])
    in_process = cli.report_writer.report.to_dict()
    saved = torch.load(cli.trainer.ckpt_path, weights_only=True)
    name = "net.head.weight"
    assert torch.equal(cli.model.state_dict()[name], saved["state_dict"][name])
    assert not torch.equal(saved["state_dict"][name], saved["current_model_state"][name])
    run(["test", "-c", DEBUG, "--ckpt_path", "latest"])
    assert read("lightning_logs/mlp/version_0/report.json")["loss"] == in_process["loss"]


def test_the_engine_would_test_the_weights_that_are_not_averaged(monkeypatch):
    def as_it_is(cli):
        best = cli.trainer.checkpoint_callback.best_model_path
        cli.trainer.test(cli.model, cli.datamodule, ckpt_path=best, verbose=False)

    monkeypatch.setattr(DigitsCLI, "test_best", as_it_is)
    cli = run(["train", "-c", MLP, "-c", DEBUG, "--ema_decay", "0.9"])
    saved = torch.load(cli.trainer.ckpt_path, weights_only=True)
    name = "net.head.weight"
    assert torch.equal(cli.model.state_dict()[name], saved["current_model_state"][name])


def test_dry_run_writes_nothing(tmp_path):
    run(["train", "-c", MLP, "--trainer.fast_dev_run", "true"])
    assert not list(tmp_path.iterdir())


def test_the_seed_decides_the_result(tmp_path):
    losses = []
    for seed in ("1", "1", "2"):
        cli = run(["fit", "-c", MLP, "-c", DEBUG, "--seed_everything", seed])
        losses.append(cli.trainer.callback_metrics["val/loss"].item())
        assert cli.datamodule.seed == int(seed)
    assert losses[0] == losses[1] != losses[2]


def test_runs_are_named_after_config_or_net(tmp_path):
    run(["fit", "--model", "LitMLP", "-c", DEBUG, "--logger.name", "mine", "--logger.version", "a"])
    assert latest_run().folder == Path("lightning_logs/mine/a")
    limits = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "20"]
    run(["fit", "--model", "LitMLP", *limits])
    assert latest_run().folder == Path("lightning_logs/mlp/version_0")


WRONG = {
    "unknown flag": (["--model.foo", "1"], "foo"),
    "cut flag": (["--trainer.max_epoch", "1"], "--trainer.max_epoch"),
    "no such config": (["-c", "missing.yaml"], "missing.yaml"),
    "unknown net": (["--model", "LitFoo"], "LitMLP, LitCNN"),
    "net from nowhere": (["--model", "nowhere.Net"], "nowhere"),
    "no net at all": (["--model", "torch.nn.Linear"], "LightningModule"),
    "not a number": (["--data.batch_size", "many"], "data.batch_size: Expected int"),
    "no batch": (["--data.batch_size", "0"], "batch_size is 0"),
    "too much validation": (["--data.val_size", "60000"], "val_size is 60000, expected 0 to 59744"),
    "negative validation": (["--data.val_size", "-1"], "val_size is -1"),
    "unknown dataset": (["--data.dataset", "minst"], "did you mean 'mnist'?"),
    "no units": (["--model.hidden_sizes", "[0]"], "hidden_sizes is [0]"),
    "too strong": (["--data.augment.scale", "3"], "scale is 3.0, expected 0 to"),
    "no precision": (["--trainer.precision", "7"], "trainer.precision"),
    "folder is a file": (["--data.data_dir", __file__], "DEEPDIGITS_DATA"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_line_that_names_it(case, tmp_path):
    flags, named = WRONG[case]
    with pytest.raises(InputError) as caught:
        run(["train", "-c", MLP, *flags])
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"torch finds no GPU.* --trainer\.accelerator cpu"):
        run(["train", "-c", MLP, "-c", str(CONFIGS / "trainer" / "gpu.yaml")])


def test_config_that_is_no_yaml_is_named(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("model: [LitMLP")
    with pytest.raises(InputError, match="config"):
        run(["train", "-c", str(bad)])


@pytest.mark.parametrize("verb", ["test", "validate", "predict"])
def test_untrained_net_is_not_measured(verb):
    with pytest.raises(InputError, match="--ckpt_path RUN"):
        run([verb, "-c", MLP])


def test_run_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="nowhere does not exist"):
        run(["test", "--ckpt_path", "nowhere"])
    with pytest.raises(InputError, match="nowhere does not exist"):
        run(["report", "nowhere"])


def test_precision_of_matrix_products_is_a_setting_and_restored(in_trained, monkeypatch):
    asked, before = [], torch.get_float32_matmul_precision()
    set_precision = torch.set_float32_matmul_precision

    def set_and_note(precision):
        asked.append(precision)
        set_precision(precision)

    monkeypatch.setattr(torch, "set_float32_matmul_precision", set_and_note)
    run(["validate", "--ckpt_path", str(in_trained), "--matmul_precision", "high"])
    assert asked == ["high", before]
    assert torch.get_float32_matmul_precision() == before == "highest"


def test_number_of_threads_is_a_setting(in_trained, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    run(["validate", "--ckpt_path", str(in_trained), "--num_threads", "3"])
    assert asked == [3]
    with pytest.raises(InputError, match="num_threads"):
        run(["validate", "--ckpt_path", str(in_trained), "--num_threads", "0"])
