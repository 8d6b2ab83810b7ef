"""Values that parse but cannot work: one line names the setting, before anything is written."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import nn
from unworkable import UNWORKABLE, WORKABLE

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.core.limits import COUNT, Limits
from deepdigits.data.module import DigitsDataModule
from deepdigits.models.cnn import CNN
from deepdigits.models.mlp import MLP
from deepdigits.training import execution
from deepdigits.training.classifier import LitClassifier, LitCNN, LitMLP
from deepdigits.training.execution import option_names, resolve_config
from deepdigits.training.monitors import known_tags
from deepdigits.training.value_limits import LIMITS

pytestmark = pytest.mark.usefixtures("blank_figures")

MLP_CONFIG = str(Path(__file__).parents[2] / "configs" / "mlp.yaml")
CPU = ["-c", MLP_CONFIG, "--trainer.accelerator=cpu"]
SHORT = [*CPU, "--data.val_size=60", "--data.batch_size=40", "--trainer.max_epochs=1"]
SHORT += ["--trainer.log_every_n_steps=1"]


def refusal(args: list[str]) -> str:
    with pytest.raises(InputError) as caught:
        resolve_config(args)
    return str(caught.value)


@pytest.mark.parametrize("key", UNWORKABLE)
def test_value_that_cannot_work_is_refused_in_a_line_that_names_the_setting(
    key: str, tmp_path: Path
) -> None:
    for value in UNWORKABLE[key]:
        line = refusal([*CPU, f"--{key}={value}"])
        assert line.isprintable()
        named = key.rpartition(".")[2]
        assert named in line or line.startswith("trainer: "), (value, line)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")  # of the trainer, about values that are unusual
@pytest.mark.parametrize("key", WORKABLE)
def test_value_in_the_range_is_accepted(key: str, tmp_path: Path) -> None:
    for value in WORKABLE[key]:
        resolve_config([*CPU, f"--{key}={value}"])
    assert not list(tmp_path.iterdir())


def test_the_tables_have_all_numbers_of_the_command_line() -> None:
    assert UNWORKABLE.keys() == WORKABLE.keys()
    assert LIMITS.keys() <= UNWORKABLE.keys()
    options = {name.removeprefix("--") for name in option_names("train")}
    assert {key for key in UNWORKABLE if not key.startswith("model.")} <= options


@given(limits=st.sampled_from(sorted(LIMITS)), share=st.floats(0, 1, exclude_min=True))
def test_a_number_between_the_limits_is_allowed_and_one_beyond_is_not(
    limits: str, share: float
) -> None:
    one = LIMITS[limits]
    inside: float = one.low + share * (one.high - one.low) * 0.999
    assert one.allows(int(inside) + 1 if one.whole else inside)
    assert not one.allows(one.high + 1 + share * 1e15)
    assert not one.allows(one.low - 2 - share * 1e15)
    assert not one.allows(float("nan"))
    assert not one.allows(float("inf"))
    assert not one.allows(True)
    assert one.allows(None) is one.none


def test_limits_say_what_they_allow() -> None:
    assert str(Limits(0, 1, below=True, none=True)) == "a number from 0 to below 1, or null"
    assert str(Limits(0)) == "a number from 0 on"
    assert str(COUNT) == "a whole number from 1 to 1000000000000"
    with pytest.raises(InputError, match=r"^warmup is 2, expected a number above 0 to 1$"):
        Limits(0, 1, above=True).check("warmup", 2)


@pytest.mark.parametrize("net", [LitMLP, LitCNN])
@pytest.mark.parametrize("name", ["lr", "weight_decay", "label_smoothing", "warmup"])
def test_nets_check_their_settings_in_python_too(net: type[LitClassifier], name: str) -> None:
    for value in (-1, float("nan"), float("inf"), None):
        with pytest.raises(InputError, match=f"^{name} is"):
            net(**{name: value})


@pytest.mark.parametrize("net", [MLP, CNN])
@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"dropout": None}, "dropout is None"),
        ({"num_classes": 0}, r"num_classes is \[0\]"),
    ],
)
def test_nets_check_dropout_and_classes(net: Any, setting: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}, expected"):
        net(**setting)


@pytest.mark.parametrize("name", ["seed", "split_seed"])
def test_data_module_checks_its_seeds(name: str) -> None:
    for value in (-1, 2**32, 0.5):
        with pytest.raises(InputError, match=f"^{name} is"):
            DigitsDataModule(**{name: value})  # type: ignore[arg-type]


# ---------------------------------------------------------------- metrics to watch


def test_known_metrics_are_those_that_a_training_logs(tiny_digits: Path) -> None:
    cli = run(["fit", *SHORT, "--model.hidden_sizes=[8]"])
    logged = {name for name in cli.trainer.callback_metrics if "/" in name}
    tags = known_tags(cli.model)
    assert tags is not None
    assert set(tags) == logged
    assert len(tags) == len(logged)


@pytest.mark.parametrize("monitor", ["train/loss", "val/loss"])
@pytest.mark.parametrize("group", ["early_stopping", "checkpoint"])
def test_metric_of_training_and_of_validation_can_be_watched(
    group: str, monitor: str, tiny_digits: Path
) -> None:
    cli = run(["fit", *SHORT, "--model.hidden_sizes=[8]", f"--{group}.monitor={monitor}"])
    assert cli.trainer.current_epoch == 1


def test_mistyped_metric_is_suggested() -> None:
    line = refusal([*CPU, "--early_stopping.monitor=val/los"])
    assert line.startswith("early_stopping.monitor is 'val/los', expected ")
    assert line.endswith("did you mean 'val/loss'?")
    assert "val/accuracy, val/f1_macro" in refusal([*CPU, "--checkpoint.monitor=zz"])


class LogsMore(LitMLP):
    """A net that may log anything."""

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self.log("mine", 1.0)


class OnlyInit(LitClassifier):
    """A net as the README shows it."""

    def __init__(self, num_classes: int = 10) -> None:
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))
        super().__init__(net=net, num_classes=num_classes)


class NullByDefault(LitMLP):
    """A net whose author has left out `| None`."""

    def __init__(self, width: int = None, num_classes: int = 10) -> None:  # type: ignore[assignment]  # noqa: RUF013 (so do many)
        super().__init__(hidden_sizes=[width or 8], num_classes=num_classes)


def test_null_is_refused_unless_it_is_the_default() -> None:
    resolve_config([*CPU[2:], f"--model={__name__}.NullByDefault", "--model.width=null"])
    line = refusal([*CPU, "--model.dropout=null"])
    assert line == "model.dropout is null, expected a value: leave it out for the default"


def test_metrics_of_a_net_that_logs_its_own_are_not_known(tiny_digits: Path) -> None:
    assert known_tags(LogsMore()) is None
    assert known_tags(OnlyInit(num_classes=3)) == known_tags(LitMLP(num_classes=3))
    net = f"{__name__}.LogsMore"
    short = [*SHORT, "--model", net, "--model.hidden_sizes=[8]"]
    cli = run(["fit", *short, "--early_stopping.monitor=mine", "--checkpoint.filename={mine:.1f}"])
    assert cli.trainer.callback_metrics["mine"] == 1
    with pytest.raises(InputError, match=r"^the net does not log early_stopping\.monitor yours"):
        run(["fit", *short, "--early_stopping.monitor=yours"])


# ---------------------------------------------------------------- what Lightning refuses late


def test_validation_by_time_works_with_early_stopping(tiny_digits: Path) -> None:
    cli = run(["fit", *SHORT, "--trainer.val_check_interval={microseconds: 1}"])
    assert cli.trainer.global_step == 6
    assert "val/loss" in cli.trainer.callback_metrics


@pytest.mark.parametrize(
    ("command", "flag", "named"),
    [
        ("train", "--trainer.limit_test_batches=0", "use `deepdigits fit`"),
        ("train", "--trainer.limit_test_batches=0.5", "a share of 1.0 or more"),
        ("fit", "--trainer.val_check_interval=7", "an epoch has only 6 batches"),
        ("fit", "--trainer.limit_train_batches=0.1", "a share of 0.167 or more"),
    ],
)
def test_too_few_batches_are_refused_before_the_training(
    command: str, flag: str, named: str, tiny_digits: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=named):
        run([command, *SHORT, flag])
    assert not list(tmp_path.iterdir())


def test_limits_that_a_command_does_not_use_do_not_matter(tiny_digits: Path) -> None:
    cli = run(["fit", *SHORT, "--trainer.limit_test_batches=0"])
    assert cli.trainer.global_step == 6


@pytest.mark.filterwarnings("ignore:You requested to overfit")
def test_numbers_of_batches_are_those_of_the_trainer(
    tiny_digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}
    monkeypatch.setattr(
        execution, "check_batches", lambda command, trainer, data: seen.update(t=trainer, d=data)
    )
    from deepdigits.training.batch_limits import number_of_batches

    for more in ([], ["--trainer.overfit_batches=1.0"]):
        cli = run(["train", *SHORT, "--data.eval_batch_size=50", *more])
        trainer: Trainer = cli.trainer
        counted = {name: number_of_batches(name, seen["t"], seen["d"]) for name in ("train", "val")}
        assert counted["train"] == trainer.num_training_batches
        assert more or [counted["val"]] == trainer.num_val_batches
        assert [number_of_batches("test", trainer, seen["d"])] == trainer.num_test_batches


class Refuses(Callback):
    """Raises at the start of a training, when the folder has files already."""

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        assert Path(str(trainer.log_dir), "config.yaml").is_file()
        raise InputError("not with me")


def test_training_that_is_refused_before_its_first_step_leaves_no_folder(
    tiny_digits: Path, tmp_path: Path
) -> None:
    callback = f"--trainer.callbacks={__name__}.Refuses"
    with pytest.raises(InputError, match="not with me"):
        run(["fit", *SHORT, callback])
    assert not list(tmp_path.iterdir())
    run(["fit", *SHORT, "--logger.version=mine"])
    kept = sorted(tmp_path.rglob("*.ckpt"))
    with pytest.raises(InputError, match="not with me"):
        run(["fit", "--resume=latest", "--trainer.max_epochs=9", callback])
    assert sorted(tmp_path.rglob("*.ckpt")) == kept != []


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_evaluations_refuse_what_they_use(verb: str, tiny_digits: Path, tmp_path: Path) -> None:
    run(["fit", *SHORT, "--model.hidden_sizes=[8]"])
    before = sorted(tmp_path.rglob("*"))
    limit = f"trainer.limit_{'val' if verb == 'validate' else verb}_batches"
    bad = [f"{limit}=0", "seed_everything=-1", "data.split_seed=-1", "num_threads=100000"]
    for flag in [*bad, "trainer.precision=transformer-engine", "model.dropout=2"]:
        with pytest.raises(InputError):
            run([verb, "--ckpt_path=latest", f"--{flag}"])
    assert sorted(tmp_path.rglob("*")) == before


def test_resume_and_repeat_refuse_the_same(tiny_digits: Path, tmp_path: Path) -> None:
    for flag in ("--model.lr=-1", "--trainer.accelerator=tpu", "--early_stopping.monitor=nope"):
        with pytest.raises(InputError):
            run(["repeat", *SHORT, "--seeds=1", flag])
    assert not list(tmp_path.iterdir())
    run(["fit", *SHORT, "--model.hidden_sizes=[8]"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    for flag in ("--model.lr=-1", "--trainer.accelerator=tpu", "--early_stopping.monitor=nope"):
        with pytest.raises(InputError):
            run(["train", "--resume=latest", flag])
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before
