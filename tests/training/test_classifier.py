"""The training logic, the same for both nets: subclasses, metrics, schedule, checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from torch import Tensor, nn

from deepdigits.core.errors import InputError
from deepdigits.data.augment import Augment
from deepdigits.data.module import DigitsDataModule
from deepdigits.training.classifier import LitClassifier, LitCNN, LitMLP

MakeTrainer = Callable[..., Trainer]
SMALL: dict[type[LitClassifier], dict[str, Any]] = {
    LitMLP: {"hidden_sizes": [32]},
    LitCNN: {"channels": [4, 8], "kernel_sizes": [5, 3], "hidden_size": 16, "dropout": 0.0},
}
BOTH = pytest.mark.parametrize("net_class", [LitMLP, LitCNN])
pytestmark = pytest.mark.usefixtures("tiny_digits")


def small(net_class: type[LitClassifier], **settings: Any) -> LitClassifier:
    return net_class(**{**SMALL[net_class], **settings})


def tiny(**settings: Any) -> DigitsDataModule:
    """240 images to train on, 60 to validate, 130 to test, in uneven batches."""
    uneven = {"batch_size": 40, "eval_batch_size": 48, "val_size": 60}
    return DigitsDataModule(**{**uneven, **settings})


def whole(data: DigitsDataModule, split: Any) -> tuple[Tensor, Tensor]:
    images, labels = data.images_and_labels(split)
    return images.unsqueeze(1) / 255, labels


def predictions(
    net: LitClassifier, data: DigitsDataModule, split: Any
) -> tuple[Tensor, Tensor, float]:
    """True and predicted labels of a split, and the loss over all of it at once."""
    images, labels = whole(data, split)
    with torch.no_grad():
        logits = net.eval()(images)
    return labels, logits.argmax(1), F.cross_entropy(logits, labels).item()


class StepLog(Callback):
    """Records the learning rate and the weights of each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.weights: list[dict[str, Tensor]] = []
        self.final_rate = -1.0

    def on_before_optimizer_step(self, trainer: Trainer, net: Any, optimizer: Any) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(self, trainer: Trainer, net: Any, *args: Any) -> None:
        self.weights.append({name: p.detach().clone() for name, p in net.named_parameters()})
        self.final_rate = trainer.optimizers[0].param_groups[0]["lr"]


# ---------------------------------------------------------------- subclasses


@BOTH
def test_subclass_only_builds_its_net(net_class: type[LitClassifier]) -> None:
    assert {name for name in vars(net_class) if callable(vars(net_class)[name])} == {"__init__"}
    assert net_class.__bases__ == (LitClassifier,)


@BOTH
def test_hparams_are_plain_and_build_the_same_net_again(net_class: type[LitClassifier]) -> None:
    net = small(net_class, lr=0.125, num_classes=7)
    plain = (bool, int, float, str, list, tuple, type(None))
    assert all(isinstance(value, plain) for value in net.hparams.values())
    assert "net" not in net.hparams
    again = net_class(**net.hparams)
    assert repr(again) == repr(net)
    assert again.lr == 0.125


@BOTH
def test_backward_reaches_every_parameter(net_class: type[LitClassifier]) -> None:
    net = (
        net_class().eval()
    )  # in training, a norm removes the mean, so the bias before it has no gradient
    F.cross_entropy(net(torch.rand(8, 1, 28, 28)), torch.arange(8)).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.filterwarnings("ignore:You requested to overfit:UserWarning")
@BOTH
def test_overfits_one_small_batch(
    net_class: type[LitClassifier], make_trainer: MakeTrainer
) -> None:
    net = small(net_class, lr=0.01)
    trainer = make_trainer(overfit_batches=1, max_epochs=60, limit_val_batches=0)
    data = tiny(batch_size=20, eval_batch_size=20)
    trainer.fit(net, data)
    assert trainer.callback_metrics["train/loss"] < 0.2  # from 2.3
    images, labels = (part[:20] for part in whole(data, "train"))
    assert torch.equal(net.eval()(images).argmax(1), labels)


@BOTH
def test_learns_the_classes(net_class: type[LitClassifier], make_trainer: MakeTrainer) -> None:
    net, trainer = small(net_class), make_trainer(max_epochs=8)
    trainer.fit(net, tiny())
    trainer.test(net, tiny(), verbose=False)
    assert trainer.callback_metrics["test/accuracy"] > 0.95


@BOTH
def test_checkpoint_gives_the_same_logits_and_runs_no_code(
    net_class: type[LitClassifier], make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    net, trainer = small(net_class, lr=0.01), make_trainer()
    trainer.fit(net, tiny())
    trainer.save_checkpoint(tmp_path / "net.ckpt")
    torch.load(tmp_path / "net.ckpt", weights_only=True)
    again = net_class.load_from_checkpoint(tmp_path / "net.ckpt")
    assert again.hparams == net.hparams
    images = torch.rand(9, 1, 28, 28)
    assert torch.equal(again.eval()(images), net.eval()(images))


@pytest.mark.slow
def test_compiled_net_learns_and_its_checkpoint_has_the_plain_keys(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    net, trainer = small(LitMLP, lr=0.01, compile=True), make_trainer()
    trainer.fit(net, tiny())
    assert net.net._compiled_call_impl is not None
    trainer.save_checkpoint(tmp_path / "net.ckpt")
    plain = small(LitMLP)
    plain.load_state_dict(torch.load(tmp_path / "net.ckpt", weights_only=True)["state_dict"])
    images = torch.rand(9, 1, 28, 28)
    torch.testing.assert_close(plain.eval()(images), net.eval()(images))


def test_net_is_compiled_for_training_alone(
    make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(module))
    net, trainer = small(LitMLP, compile=True), make_trainer()
    trainer.test(net, tiny(), verbose=False)
    assert compiled == []
    trainer.fit(net, tiny())
    assert compiled == [net.net]


@BOTH
def test_predictions_are_probabilities_of_the_test_images_in_order(
    net_class: type[LitClassifier], make_trainer: MakeTrainer
) -> None:
    net, data = small(net_class), tiny()
    probabilities = torch.cat(make_trainer().predict(net, data))
    expected = net.eval()(whole(data, "test")[0]).softmax(dim=1)
    torch.testing.assert_close(probabilities, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(130))


def test_any_net_trains_without_a_subclass(make_trainer: MakeTrainer) -> None:
    net = LitClassifier(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), lr=0.05)
    trainer = make_trainer(max_epochs=8)
    trainer.fit(net, tiny())
    assert trainer.callback_metrics["val/accuracy"] > 0.9


# ---------------------------------------------------------------- metrics


def check(
    scalars: dict[str, Any], stage: str, truth: Tensor, predicted: Tensor, loss: float
) -> None:
    """Check the metrics of a stage against scikit-learn over all its samples."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=range(10), zero_division=0
    )
    expected = {
        f"{stage}/loss": loss,
        f"{stage}/accuracy": accuracy_score(truth, predicted),
        f"{stage}/f1_macro": f1_score(truth, predicted, average="macro", zero_division=0),
        **{f"{stage}/precision/{label}": value for label, value in enumerate(precision)},
        **{f"{stage}/recall/{label}": value for label, value in enumerate(recall)},
        **{f"{stage}/f1/{label}": value for label, value in enumerate(f1)},
    }
    ours = {key: value.item() for key, value in scalars.items() if key.startswith(f"{stage}/")}
    assert ours == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_test_metrics_are_over_all_samples_and_not_means_of_batches(
    make_trainer: MakeTrainer,
) -> None:
    net, data, trainer = small(LitMLP), tiny(), make_trainer(max_epochs=2)
    trainer.fit(net, data)
    net.net.head.bias.data[[3, 9]] -= 100  # never predicts 3 or 9
    trainer.test(net, data, verbose=False)
    truth, predicted, loss = predictions(net, data, "test")
    check(trainer.callback_metrics, "test", truth, predicted, loss)
    per_batch = [
        accuracy_score(t, g) for t, g in zip(truth.split(48), predicted.split(48), strict=True)
    ]
    assert len(per_batch) == 3
    assert abs(np.mean(per_batch) - accuracy_score(truth, predicted)) > 1e-3
    assert net.report("test").num_samples == 130


def test_validation_metrics_are_of_their_epoch_alone(make_trainer: MakeTrainer) -> None:
    """Neither the sanity check nor the epoch before is counted in."""
    net, data, trainer = small(LitMLP), tiny(), make_trainer(max_epochs=2)
    trainer.fit(net, data)
    check(trainer.callback_metrics, "val", *predictions(net, data, "val"))


def test_training_metrics_are_over_the_epoch(make_trainer: MakeTrainer) -> None:
    net = small(LitMLP, norm=False, lr=0.0, label_smoothing=0.1)  # the weights do not change
    data, trainer = tiny(), make_trainer(max_epochs=2)
    trainer.fit(net, data)
    images, labels = whole(data, "train")
    logits = net(images)
    scalars = trainer.callback_metrics
    assert scalars["train/accuracy"].item() == pytest.approx(
        accuracy_score(labels, logits.argmax(1)), abs=1e-6
    )
    smoothed = F.cross_entropy(logits, labels, label_smoothing=0.1).item()
    assert scalars["train/loss"].item() == pytest.approx(smoothed, rel=1e-5)
    # Validation has no label smoothing, so that nets can be compared.
    plain = predictions(net, data, "val")[2]
    assert scalars["val/loss"].item() == pytest.approx(plain, rel=1e-5)
    assert {key for key in scalars if key.startswith("train/")} == {"train/loss", "train/accuracy"}


def test_second_test_starts_from_zero(make_trainer: MakeTrainer) -> None:
    net, data, trainer = small(LitMLP), tiny(), make_trainer()
    first, second = (trainer.test(net, data, verbose=False) for _ in range(2))
    assert first == second
    assert net.report("test").num_samples == 130


def test_an_empty_share_of_the_last_batch_changes_no_metric() -> None:
    """With several processes, one may have no sample of the last batch."""
    net = small(LitMLP).eval()
    net.validation_step((torch.rand(9, 1, 28, 28), torch.arange(9)), 0)
    before = net.scalars("val")
    net.validation_step((torch.zeros(0, 1, 28, 28), torch.zeros(0, dtype=torch.long)), 1)
    assert net.scalars("val") == before
    assert net.report("val").num_samples == 9


# ---------------------------------------------------------------- schedule and optimizer


@pytest.mark.parametrize(
    ("settings", "length"),
    [
        ({"max_epochs": 3}, 18),
        ({"max_epochs": 3, "max_steps": 11}, 11),
        ({"max_epochs": -1, "max_steps": 15}, 15),
        ({"max_epochs": 4, "limit_train_batches": 5}, 20),
        ({"max_epochs": 4, "accumulate_grad_batches": 2}, 12),
    ],
)
def test_schedule_is_torchs_one_cycle_over_the_length_of_the_run(
    settings: dict[str, Any], length: int, make_trainer: MakeTrainer
) -> None:
    log, lr, warmup = StepLog(), 0.02, 0.3
    net = small(LitMLP, lr=lr, warmup=warmup)
    make_trainer(callbacks=[log], limit_val_batches=0, **settings).fit(net, tiny())
    assert len(log.rates) == length
    rise = int(np.argmax(log.rates))
    assert all(np.diff(log.rates[: rise + 1]) > 0)
    assert all(np.diff(log.rates[rise:]) < 0)
    assert log.final_rate == pytest.approx(0, abs=1e-9)
    # torch ends the schedule at the last step, LitClassifier after it.
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=lr,
        total_steps=length + 1,
        pct_start=(warmup * length + 1) / (length + 1),
        div_factor=25,
        final_div_factor=1e12,
        cycle_momentum=False,
    )
    expected = []
    for _ in range(length):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    assert log.rates == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("warmup", "at"), [(0.0, 0), (1.0, -1)])
def test_warmup_may_be_nothing_or_all(warmup: float, at: int, make_trainer: MakeTrainer) -> None:
    log = StepLog()
    net = small(LitMLP, lr=0.02, warmup=warmup)
    make_trainer(callbacks=[log], max_epochs=10, limit_val_batches=0).fit(net, tiny())
    assert log.rates[at] == max(log.rates) == pytest.approx(0.02, rel=0.01)


def test_norms_and_biases_do_not_decay(make_trainer: MakeTrainer) -> None:
    """With no gradient from the data (lr x decay alone acts), only matrices and kernels shrink."""
    net = small(LitCNN, weight_decay=0.5)
    trainer = make_trainer(fast_dev_run=1)
    trainer.fit(net, tiny())
    decay = {
        id(p): group["weight_decay"]
        for group in trainer.optimizers[0].param_groups
        for p in group["params"]
    }
    expected = {
        id(p): 0.5 if isinstance(m, nn.Linear | nn.Conv2d) and name == "weight" else 0.0
        for m in net.modules()
        for name, p in m.named_parameters(recurse=False)
    }
    assert decay == expected


# ---------------------------------------------------------------- nets of another dataset


@pytest.mark.parametrize(
    "make",
    [
        lambda: LitMLP(num_classes=7),
        lambda: LitClassifier(nn.Sequential(nn.Flatten(), nn.Linear(784, 7))),
        lambda: LitClassifier(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), num_classes=7),
    ],
)
def test_net_that_does_not_fit_the_dataset_is_refused_before_training(
    make: Callable[[], LightningModule], make_trainer: MakeTrainer
) -> None:
    with pytest.raises(InputError, match="the dataset has 10 classes") as caught:
        make_trainer().fit(make(), tiny())
    assert "\n" not in str(caught.value)


def test_checking_the_net_changes_nothing_in_it(make_trainer: MakeTrainer) -> None:
    net = small(LitCNN, dropout=0.5)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()
    net.trainer = make_trainer()
    net.setup("fit")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())
    assert torch.equal(torch.get_rng_state(), random)


# ---------------------------------------------------------------- averaging and resuming


def test_averaged_weights_are_the_exponential_mean_of_the_steps(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    decay, log, net, data = 0.8, StepLog(), small(LitMLP), tiny()
    average = EMAWeightAveraging(decay=decay)
    trainer = make_trainer(callbacks=[log, average], max_epochs=2)
    trainer.fit(net, data)
    mean = log.weights[0]
    for weights in log.weights[1:]:
        mean = {name: decay * mean[name] + (1 - decay) * weights[name] for name in mean}
    name = "net.head.weight"
    torch.testing.assert_close(dict(net.named_parameters())[name].data, mean[name])
    assert not torch.allclose(mean[name], log.weights[-1][name], atol=1e-4)
    # Validation measured the averaged net.
    check(trainer.callback_metrics, "val", *predictions(net, data, "val"))
    trainer.save_checkpoint(tmp_path / "average.ckpt")
    again = LitMLP.load_from_checkpoint(tmp_path / "average.ckpt")
    assert torch.equal(again.net.head.weight, net.net.head.weight)


@pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint:UserWarning")
@pytest.mark.parametrize(
    "when", [{"every_n_train_steps": 8}, {"every_n_train_steps": 6}, {"every_n_epochs": 1}]
)
@BOTH
def test_resumed_run_ends_in_the_same_bits(
    net_class: type[LitClassifier], when: dict[str, int], make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    """In mid-epoch (step 8 of 6 an epoch), between epochs, and behind the validation."""
    data = {"augment": Augment(degrees=10, translate=0.1), "seed": 3}
    checkpoint = ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, **when)
    whole_run = small(net_class)
    trainer = make_trainer(callbacks=[checkpoint], enable_checkpointing=True, max_epochs=3)
    trainer.fit(whole_run, tiny(**data))
    saved = tmp_path / f"step={when.get('every_n_train_steps', 6)}.ckpt"
    resumed = small(net_class)
    make_trainer(max_epochs=3).fit(resumed, tiny(**data), ckpt_path=saved)
    for name, value in whole_run.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
