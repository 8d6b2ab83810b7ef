"""Each callback of Lightning trains and resumes, or one line says why it does not work."""

from importlib.util import find_spec
from pathlib import Path

import lightning.pytorch.callbacks as shipped
import pytest
import torch

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError, OneLine, RunFailed

pytestmark = [
    pytest.mark.usefixtures("blank_figures", "tiny_digits"),
    pytest.mark.filterwarnings("ignore:When using the `ThroughputMonitor`, you need to define"),
    pytest.mark.filterwarnings("ignore:The provided params to be frozen already exist"),
]

DATA = ["--data.batch_size", "32", "--data.val_size", "60", "--trainer.log_every_n_steps", "2"]
TRAIN = ["-c", "mlp", *DATA, "--model.hidden_sizes", "[8]"]
RUN = Path("lightning_logs/mlp/version_0")
PRUNING = ["pruning_fn=l1_unstructured", "amount=0.1"]

# Name -> its settings.
WORKING: dict[str, list[str]] = {
    "BasePredictionWriter": [],
    "Callback": [],
    "Checkpoint": [],
    "DeviceStatsMonitor": ["cpu_stats=false"],
    "EMAWeightAveraging": [],
    "EarlyStopping": ["monitor=val/loss"],
    "LambdaCallback": ["on_fit_start=builtins.print"],
    "LearningRateFinder": [],
    "LearningRateMonitor": [],
    "ModelCheckpoint": ["monitor=val/loss"],
    "ModelPruning": PRUNING,
    "ModelSummary": [],
    "ProgressBar": [],
    "RichModelSummary": [],
    "RichProgressBar": [],
    "SpikeDetection": ["rtol=100"],
    "TQDMProgressBar": [],
    "ThroughputMonitor": ["batch_size_fn=builtins.len"],
    "Timer": ["duration=00:01:00:00"],
    "WeightAveraging": ["device=cpu"],
}
# Name -> its settings, and a part of the line.
REFUSED: dict[str, tuple[list[str], str]] = {
    "BackboneFinetuning": ([], "'LitMLP' object has no attribute 'backbone'"),
    "BaseFinetuning": ([], "BaseFinetuning does not work here: NotImplementedError"),
    "BatchSizeFinder": ([], "choose data.batch_size yourself"),
    "GradientAccumulationScheduler": (["scheduling={0: 1, 1: 4}"], "accumulate_grad_batches"),
    "OnExceptionCheckpoint": (["dirpath=x"], "would start from the checkpoint of an earlier one"),
    "StochasticWeightAveraging": (["swa_lrs=0.01"], "use WeightAveraging, or --ema_decay"),
}


def test_short_names_are_those_of_lightning() -> None:
    """Of two classes with one name, each would need its path."""
    short = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"]
    short += ["--trainer.callbacks+=ModelCheckpoint"]
    cli = run(["fit", *TRAIN, "--trainer.max_epochs", "1", *short])
    assert len(cli.trainer.early_stopping_callbacks) == 2
    assert len(cli.trainer.checkpoint_callbacks) == 3


def flags(name: str, settings: list[str]) -> list[str]:
    path = f"lightning.pytorch.callbacks.{name}"
    return [f"--trainer.callbacks+={path}", *(f"--trainer.callbacks.{one}" for one in settings)]


def weights(run_folder: Path = RUN) -> dict[str, torch.Tensor]:
    content = torch.load(run_folder / "checkpoints" / "last.ckpt", weights_only=True)
    state: dict[str, torch.Tensor] = content["state_dict"]
    return state


def refusal(*args: str) -> str:
    with pytest.raises(OneLine) as caught:
        run(list(args))
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_the_tables_have_all_callbacks() -> None:
    assert WORKING.keys() | REFUSED.keys() == set(shipped.__all__)


@pytest.mark.parametrize("name", WORKING)
def test_a_callback_trains_resumes_and_its_config_runs_again(name: str) -> None:
    if name.startswith("Rich"):
        pytest.importorskip("rich")
    chosen = flags(name, WORKING[name])
    run(["train", *TRAIN, *chosen, "--trainer.max_epochs", "2"])
    first = weights()
    assert "nable to serialize" not in (RUN / "config.yaml").read_text()
    run(["train", "-c", str(RUN / "config.yaml")])
    again = weights(RUN.with_name("version_1"))
    assert all(torch.equal(first[key], again[key]) for key in first)
    resumed = ["--trainer.callbacks", "null"] if name == "LearningRateFinder" else chosen
    cli = run(["train", "--resume", str(RUN), *resumed, "--trainer.max_epochs", "3"])
    assert cli.trainer.current_epoch == 3


@pytest.mark.parametrize("name", REFUSED)
def test_a_callback_that_does_not_work_ends_in_one_line(name: str, tmp_path: Path) -> None:
    settings, part = REFUSED[name]
    line = refusal("train", *TRAIN, *flags(name, settings))
    assert line.startswith(f"trainer.callbacks: {name} does not work here: ")
    assert part in line
    assert not list(tmp_path.iterdir())


def test_a_callback_can_be_there_in_an_evaluation() -> None:
    run(["fit", *TRAIN, "--trainer.max_epochs", "1"])
    for name, settings in WORKING.items():
        if not name.startswith("Rich") or find_spec("rich") is not None:
            run(["validate", "--ckpt_path", str(RUN), *flags(name, settings)])


def test_the_rate_that_is_found_is_that_of_the_whole_schedule() -> None:
    epochs = ["--trainer.max_epochs", "2"]
    cli = run(["fit", *TRAIN, *epochs, *flags("LearningRateFinder", [])])
    found = cli.model.lr
    assert found != 0.003
    run(["fit", *TRAIN, *epochs, f"--model.lr={found!r}", "--logger.name", "plain"])
    plain = weights(Path("lightning_logs/plain/version_0"))
    assert all(torch.equal(value, plain[key]) for key, value in weights().items())
    more = ["--trainer.callbacks", "null", "--trainer.max_epochs", "3"]
    cli = run(["fit", "--resume", str(RUN), *more])
    assert cli.trainer.lr_scheduler_configs[0].scheduler.base_lrs == [found, found]


@pytest.mark.parametrize(
    ("name", "settings", "part"),
    [
        ("LearningRateFinder", ["attr_name=nope"], "the learning rate was set to nope"),
        ("LearningRateFinder", ["min_lr=-1"], "LearningRateFinder min_lr is -1.0, expected a"),
        ("LearningRateFinder", ["min_lr=0.1", "max_lr=0.01"], "above 0 to below 0.01"),
        ("LearningRateFinder", ["num_training_steps=0"], "num_training_steps is 0, expected a"),
        ("ModelCheckpoint", ["filename=last"], "the filename 'last' of ModelCheckpoint is that of"),
        ("ModelCheckpoint", ["monitor=nope"], "could not find the monitored key"),
        ("ModelPruning", ["pruning_fn=l1_unstructured", "amount=2.0"], "amount=2.0"),
        ("Timer", ["duration=00:00:00:00"], "the duration of Timer is 0.0, expected a number"),
        ("Timer", ["duration=nope"], "Expected a string in the format DD:HH:MM:SS."),
    ],
)
def test_a_setting_of_a_callback_that_cannot_work_ends_in_one_line(
    name: str, settings: list[str], part: str
) -> None:
    line = refusal("fit", *TRAIN, *flags(name, settings))
    assert part in line
    assert "Not a valid subclass" not in line


def test_a_learning_rate_is_not_searched_twice() -> None:
    finder = flags("LearningRateFinder", [])
    sgd = ["--optimizer", "SGD", "--optimizer.lr", "0.1"]
    assert "leave out one of them" in refusal("fit", *TRAIN, *sgd, *finder)
    run(["fit", *TRAIN, "--trainer.max_epochs", "1"])
    more = ["--trainer.max_epochs", "2", *finder]
    assert "in a new training only" in refusal("fit", "--resume", str(RUN), *more)


def test_a_spike_of_the_loss_is_a_failed_run() -> None:
    tight = flags("SpikeDetection", ["rtol=0", "mode=max"])
    with pytest.raises(RunFailed, match=r"^the run stopped: Training spike detected in batch \d$"):
        run(["fit", *TRAIN, *tight])


OWN = """
from pathlib import Path

import torch
from lightning.pytorch import Callback

from deepdigits import DigitsDataModule, LitMLP

class Net(LitMLP):
    def on_save_checkpoint(self, checkpoint):
        checkpoint["mine"] = {"sizes": [1, 2], "table": Path("x")}

class Unpicklable(LitMLP):
    def on_save_checkpoint(self, checkpoint):
        checkpoint["mine"] = lambda: 0

class Late(LitMLP):
    def on_save_checkpoint(self, checkpoint):
        checkpoint["mine"] = self.seen

    def on_train_epoch_end(self):
        super().on_train_epoch_end()
        self.seen = {1, 2j}.__iter__

class State(Callback):
    def state_dict(self):
        return {"table": Path("x")}

class Hook(Callback):
    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        checkpoint["hook"] = Path("x")

class Data(DigitsDataModule):
    def state_dict(self):
        return {"table": Path("x")}

class Backbone(LitMLP):
    @property
    def backbone(self):
        return self.net.features

class NoSchedule(Backbone):
    def configure_optimizers(self):
        trained = [p for p in self.parameters() if p.requires_grad]
        return torch.optim.SGD(trained, 0.1)

class Fails(Callback):
    def on_train_start(self, trainer, pl_module):
        raise KeyError("mine")
"""
FOREIGN = {
    "Net": (["--model", "own_state.Net"], "its content['mine']['table'] is a pathlib."),
    "Unpicklable": (["--model", "own_state.Unpicklable"], "['mine'] is a function"),
    "State": (["--trainer.callbacks", "own_state.State"], "['callbacks']['State']['table'] is a"),
    "Hook": (["--trainer.callbacks", "own_state.Hook"], "its content['hook'] is a pathlib."),
    "Data": (["--data", "own_state.Data"], "its content['Data']['table'] is a pathlib."),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_an_object_that_no_checkpoint_holds_is_named_before_the_first_step(
    case: str, tmp_path: Path
) -> None:
    Path("own_state.py").write_text(OWN)
    chosen, part = FOREIGN[case]
    net = [] if case in ("Net", "Unpicklable") else ["--model", "LitMLP"]
    line = refusal("fit", *net, *chosen, "--model.hidden_sizes", "[8]", *DATA)
    assert line.startswith("the checkpoints of this training cannot be saved: ")
    assert part in line
    assert not (tmp_path / "lightning_logs").exists()


def test_an_object_that_comes_later_is_named_when_it_is_saved() -> None:
    Path("own_state.py").write_text(OWN)
    with pytest.raises(RunFailed, match=r"cannot be saved: its content\['mine'\] is a method"):
        run(["fit", *TRAIN, "--model", "own_state.Late"])


def test_a_backbone_is_tuned_without_a_schedule() -> None:
    Path("own_state.py").write_text(OWN)
    tuning = flags("BackboneFinetuning", ["unfreeze_backbone_at_epoch=1"])
    line = refusal("fit", "--model", "own_state.Backbone", *DATA, *tuning)
    assert "the schedule of Backbone cannot take them" in line
    net = ["--model", "own_state.NoSchedule", "--model.hidden_sizes", "[8]", *DATA]
    run(["fit", *net, *tuning, "--trainer.max_epochs", "2"])
    folder = "lightning_logs/noschedule/version_0"
    more = ["--model", "own_state.NoSchedule", "--trainer.max_epochs", "3"]
    cli = run(["fit", "--resume", folder, *tuning, *more])
    assert len(cli.trainer.optimizers[0].param_groups) == 2


def test_a_bug_in_a_callback_of_ones_own_keeps_its_traceback() -> None:
    Path("own_state.py").write_text(OWN)
    with pytest.raises(KeyError):
        run(["fit", *TRAIN, "--trainer.callbacks", "own_state.Fails"])


def test_a_printed_config_has_what_can_be_loaded_again(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own_layer.py").write_text(
        "from torch import nn\nfrom deepdigits import LitMLP\n\nRELU = nn.ReLU()\n\n"
        "class Net(LitMLP):\n"
        "    def __init__(self, act: nn.Module = RELU, num_classes: int = 10):\n"
        "        super().__init__(hidden_sizes=[8], num_classes=num_classes)\n"
    )
    net = ["--model", "own_layer.Net", "--trainer.callbacks+=Timer"]
    with pytest.raises(SystemExit):
        run(["fit", *net, "--print_config"])
    printed = capsys.readouterr().out
    assert "nable to serialize" not in printed
    assert "act:" not in printed
    assert "interval: step" in printed
    Path("printed.yaml").write_text(printed)
    cli = run(["fit", "-c", "printed.yaml", "--trainer.max_epochs", "1", *DATA])
    assert cli.trainer.current_epoch == 1


def test_refusals_are_wrong_input() -> None:
    with pytest.raises(InputError):
        run(["fit", *TRAIN, *flags("BackboneFinetuning", [])])
