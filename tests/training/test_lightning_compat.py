"""Each private API still exists and does what lightning_compat relies on; nothing else uses one."""

import ast
import signal
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy
from torchmetrics import MeanMetric, Metric

import deepdigits
from deepdigits import DigitsDataModule, LitMLP
from deepdigits.training.lightning_compat import (
    average_without_waiting,
    backend_of,
    batches_trained,
    begin_next_epoch,
    checkpoint_content,
    copying_method,
    count_batches_anew,
    expect_evaluation_mode,
    limit_connecting,
    loaded_checkpoint,
    mark_nonfinite,
    mark_updated,
    replace_signal_handlers,
    skip_flagged_steps,
    skips_flagged_steps,
    start_no_processes,
    untrained_averages,
    watch_at_epoch_end,
    wrap_restore,
)

MakeTrainer = Callable[..., Trainer]
BATCHES = 5
VERSIONS = ("lightning 2.6.6", "torch 2.14.1", "torchmetrics 1.9.0")


def fit(trainer: Trainer, checkpoint: Path | None = None) -> Trainer:
    """Train a tiny MLP; an epoch has 5 batches."""
    data = DigitsDataModule(batch_size=50, val_size=50)
    trainer.fit(LitMLP(hidden_sizes=[8]), data, ckpt_path=checkpoint, weights_only=True)
    return trainer


@pytest.fixture
def checkpoint(make_trainer: MakeTrainer, tiny_digits: Path, tmp_path: Path) -> Path:
    """A checkpoint of one epoch, with the state of a callback."""
    trainer = fit(make_trainer(callbacks=[Stateful()]))
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    return tmp_path / "one.ckpt"


class Stateful(Callback):
    """A callback with a state that, if told to, fails to load."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": 1}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self.fails:
            raise KeyError("epochs")


# ---------------------------------------------------------------- restore


def test_wrap_restore_encloses_all_that_a_resume_reads(
    make_trainer: MakeTrainer, checkpoint: Path
) -> None:
    calls: list[str] = []

    def wrap(restore: Callable[..., None]) -> Callable[..., None]:
        @wraps(restore)
        def recorded(*args: Any, **kwargs: Any) -> None:
            restored = trainer.current_epoch, trainer.lightning_module.trainer is trainer
            calls.append(f"{restore.__name__} {restored}")
            restore(*args, **kwargs)
            calls.append(f"end {trainer.current_epoch}")

        return recorded

    trainer = make_trainer(max_epochs=2, callbacks=[Stateful()])
    wrap_restore(trainer, wrap)
    fit(trainer, checkpoint)
    first, end, second, last = calls
    assert first.startswith("_restore_modules_and_callbacks (0") and end == "end 0"
    assert second.startswith("restore_training_state (0") and last == "end 1"
    assert trainer.current_epoch == 2


def test_content_of_a_checkpoint_is_what_the_trainer_saves(
    make_trainer: MakeTrainer, tiny_digits: Path, tmp_path: Path
) -> None:
    trainer = fit(make_trainer(callbacks=[Stateful()]))
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    saved = torch.load(tmp_path / "one.ckpt", weights_only=True)
    content = checkpoint_content(trainer)
    assert content.keys() == saved.keys()
    assert content["callbacks"] == saved["callbacks"] == {"Stateful": {"epochs": 1}}


def test_loaded_checkpoint_is_there_while_the_training_state_is_restored(
    make_trainer: MakeTrainer, checkpoint: Path
) -> None:
    found: list[tuple[dict[str, Any], int]] = []

    def wrap(restore: Callable[..., None]) -> Callable[..., None]:
        @wraps(restore)
        def recorded(*args: Any, **kwargs: Any) -> None:
            if restore.__name__ == "restore_training_state":
                found.append((loaded_checkpoint(trainer), len(trainer.optimizers)))
            restore(*args, **kwargs)

        return recorded

    trainer = make_trainer(max_epochs=2, callbacks=[Stateful()])
    wrap_restore(trainer, wrap)
    fit(trainer, checkpoint)
    ((content, optimizers),) = found
    assert len(content["optimizer_states"]) == optimizers == 1
    assert loaded_checkpoint(trainer) == {}


def test_wrap_restore_encloses_the_callbacks(make_trainer: MakeTrainer, checkpoint: Path) -> None:
    def wrap(restore: Callable[..., None]) -> Callable[..., None]:
        def explained(*args: Any, **kwargs: Any) -> None:
            try:
                restore(*args, **kwargs)
            except KeyError as error:
                raise RuntimeError("explained") from error

        return explained

    trainer = make_trainer(max_epochs=2, callbacks=[Stateful(fails=True)])
    wrap_restore(trainer, wrap)
    with pytest.raises(RuntimeError, match="explained"):
        fit(trainer, checkpoint)


# ---------------------------------------------------------------- signals


class HandlerDuringFit(Callback):
    """Notes the handler of SIGTERM when the training starts."""

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)


def test_replaced_signal_handlers_are_the_only_ones(
    make_trainer: MakeTrainer, tiny_digits: Path
) -> None:
    before, installed = signal.getsignal(signal.SIGTERM), []
    note = HandlerDuringFit()
    trainer = make_trainer(callbacks=[note])
    replace_signal_handlers(trainer, lambda: installed.append(True))
    fit(trainer)
    assert installed == [True]
    assert note.handler == before == signal.getsignal(signal.SIGTERM)


def test_lightning_installs_a_handler_of_its_own(
    make_trainer: MakeTrainer, tiny_digits: Path
) -> None:
    """The reason for replace_signal_handlers."""
    before, note = signal.getsignal(signal.SIGTERM), HandlerDuringFit()
    fit(make_trainer(callbacks=[note]))
    assert note.handler != before
    assert "lightning" in type(note.handler).__module__


# ---------------------------------------------------------------- processes


@pytest.mark.parametrize(
    ("strategy", "method"),
    [
        ("auto", None),
        ("ddp", None),
        ("ddp_spawn", "spawn"),
        ("ddp_notebook", "fork"),
        ("ddp_fork_find_unused_parameters_true", "fork"),
        (DDPStrategy(start_method="forkserver"), "forkserver"),
    ],
)
def test_strategies_that_copy_the_process_are_known(
    strategy: Any, method: str | None, make_trainer: MakeTrainer
) -> None:
    assert copying_method(make_trainer(strategy=strategy)) == method


@pytest.mark.parametrize(("given", "limit"), [(None, 7), (5, 5), (60, 7)])
def test_connecting_is_limited(
    given: int | None, limit: int, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {} if given is None else {"timeout": timedelta(seconds=given)}
    trainer = make_trainer(strategy=DDPStrategy(**settings), devices=2)
    limit_connecting(trainer, 7)
    connect = "lightning.pytorch.strategies.ddp._init_dist_connection"
    with mock.patch(connect) as connected:
        trainer.strategy.setup_environment()
    assert connected.call_args.kwargs["timeout"] == timedelta(seconds=limit)
    assert connected.call_args.args[1] == backend_of(trainer) == "gloo"


def test_backend_may_be_chosen(make_trainer: MakeTrainer) -> None:
    strategy = DDPStrategy(process_group_backend="mpi")
    assert backend_of(make_trainer(strategy=strategy, devices=2)) == "mpi"


def test_a_trainer_that_starts_no_processes_trains_in_this_one(
    make_trainer: MakeTrainer, tiny_digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")  # as for a process of ddp: it starts no others
    trainer = make_trainer(strategy="ddp_fork")
    start_no_processes(trainer)
    fit(trainer)  # in another process it would leave no metrics of the loop here
    torch.distributed.destroy_process_group()
    assert batches_trained(trainer) == BATCHES


# ---------------------------------------------------------------- counts


class Counts(Callback):
    """Notes the number of trained batches after each batch."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        self.counts.append(batches_trained(trainer))


def test_batches_are_counted_over_epochs_and_a_resume(
    make_trainer: MakeTrainer, checkpoint: Path
) -> None:
    counts = Counts()
    trainer = make_trainer(max_epochs=3, callbacks=[counts, Stateful()], accumulate_grad_batches=5)
    fit(trainer, checkpoint)
    assert counts.counts == list(range(BATCHES + 1, 3 * BATCHES + 1))
    assert batches_trained(trainer) == 3 * BATCHES


# LastCheckpoint, which restores the metrics of an unfinished epoch, is not among these callbacks.
NOT_UPDATED = "ignore:The ``compute`` method of metric TrainingMetrics"


class Events(Callback):
    """Notes batches, validations and ends of epochs, and calls a function when training starts."""

    def __init__(self, action: Callable[[Trainer], None] = lambda trainer: None) -> None:
        self.action = action
        self.events: list[str] = []

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.action(trainer)

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, index: int) -> None:
        self.events.append(f"batch {index}")

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.events.append("validation")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.events.append(f"end of epoch {trainer.current_epoch}")


class Saves(Callback):
    """Saves a checkpoint after a batch, or at the end of the first epoch."""

    def __init__(self, path: Path, batch: int | None) -> None:
        self.path = path
        self.batch = batch

    def on_train_batch_end(self, trainer: Trainer, module: Any, *step: Any) -> None:
        if step[-1] == self.batch:
            trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self.batch is None and trainer.current_epoch == 0:
            trainer.save_checkpoint(self.path)


def logged_steps(trainer: Trainer) -> int:
    steps: int = trainer.fit_loop.epoch_loop._batches_that_stepped
    return steps


def at_the_end(trainer: Trainer) -> None:
    count_batches_anew(trainer, 0, BATCHES)
    sampler = trainer.train_dataloader.sampler
    sampler.load_state_dict({"epoch": 0, "position": 0, "images": sampler.num_samples})


@pytest.mark.filterwarnings(NOT_UPDATED)
@pytest.mark.parametrize(
    ("action", "first_epoch", "batches"),
    [
        (lambda trainer: None, ["batch 3", "batch 4", "validation", "end of epoch 0"], 10),
        (
            lambda trainer: count_batches_anew(trainer, 0, 3),
            ["batch 3", "batch 4", "validation", "end of epoch 0"],
            10,
        ),
        (at_the_end, ["validation", "end of epoch 0"], 10),
        # As if the epochs before had other batches; then two are trained.
        (
            lambda trainer: count_batches_anew(trainer, 2, 3),
            ["batch 3", "batch 4", "validation", "end of epoch 0"],
            20,
        ),
    ],
)
def test_an_epoch_goes_on_at_a_batch_or_with_its_validation(
    make_trainer: MakeTrainer,
    tiny_digits: Path,
    tmp_path: Path,
    action: Callable[[Trainer], None],
    first_epoch: list[str],
    batches: int,
) -> None:
    path = tmp_path / "mid.ckpt"
    fit(make_trainer(callbacks=[Saves(path, batch=2)]))
    events = Events(action)
    trainer = make_trainer(max_epochs=2, callbacks=[events])
    fit(trainer, path)
    second_epoch = [*(f"batch {number}" for number in range(BATCHES)), "validation"]
    assert events.events == [*first_epoch, *second_epoch, "end of epoch 1"]
    assert batches_trained(trainer) == batches
    assert logged_steps(trainer) == trainer.global_step


@pytest.mark.filterwarnings(NOT_UPDATED)
@pytest.mark.parametrize("begin", [True, False])
def test_with_max_steps_the_next_epoch_begins_after_the_end_of_one(
    begin: bool, make_trainer: MakeTrainer, tiny_digits: Path, tmp_path: Path
) -> None:
    """Without begin_next_epoch, the end of the first epoch comes again, and counts as a second."""
    path = tmp_path / "end.ckpt"
    steps = {"max_steps": 12, "max_epochs": 3}
    fit(make_trainer(callbacks=[Saves(path, batch=None)], **steps))
    events = Events(begin_next_epoch if begin else lambda trainer: None)
    trainer = make_trainer(callbacks=[events], **steps)
    fit(trainer, path)
    assert (events.events[0] == "batch 0") == begin
    assert (trainer.global_step == 12) == begin
    if begin:
        second_epoch = [*(f"batch {number}" for number in range(BATCHES)), "validation"]
        third_epoch = ["batch 0", "batch 1", "end of epoch 2"]
        assert events.events == [*second_epoch, "end of epoch 1", *third_epoch]
        assert logged_steps(trainer) == 12


def test_a_callback_looks_at_its_metric_when_an_epoch_ends(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    """Both have the names of their arguments with an underscore in front."""
    assert "_save_on_train_epoch_end" in vars(ModelCheckpoint())
    assert "_check_on_train_epoch_end" in vars(EarlyStopping("loss"))
    events = []

    class Stops(EarlyStopping):
        def _run_early_stopping_check(self, trainer: Trainer) -> None:
            events.append(trainer.validating)

    class Saves(ModelCheckpoint):
        def _save_topk_checkpoint(self, trainer: Trainer, monitor_candidates: Any) -> None:
            events.append(trainer.validating)

    callbacks = [Stops("train/loss", check_on_train_epoch_end=False), Saves(tmp_path)]
    for callback in callbacks:
        watch_at_epoch_end(callback)
    trains = {"max_epochs": 1, "val_check_interval": 2, "enable_checkpointing": True}
    fit(make_trainer(callbacks=callbacks, **trains))
    assert events == [False, False]


def compute(metric: Metric) -> list[str]:
    """The warnings of computing a metric."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metric.compute()
    return [str(warning.message) for warning in caught]


def test_a_metric_that_is_marked_computes_without_a_warning() -> None:
    metric = MeanMetric()
    assert not metric.update_called and metric.update_count == 0
    assert "before the ``update`` method" in compute(metric)[0]
    metric.reset()
    mark_updated(metric)
    assert metric.update_called and metric.update_count == 1
    assert compute(metric) == []
    metric.reset()
    assert not metric.update_called


def test_torchmetrics_offers_no_public_way_to_mark_it() -> None:
    metric = MeanMetric()
    with pytest.raises(AttributeError):
        metric.update_count = 1  # type: ignore[misc]
    metric.merge_state({"mean_value": torch.tensor(1.0), "weight": torch.tensor(1.0)})
    assert not metric.update_called


# ---------------------------------------------------------------- steps that are not finite


@pytest.mark.parametrize("before", [0.0, 1.0])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 3e38, 1e-45, -0.0])
def test_flag_is_set_by_any_value_that_is_not_finite(
    value: float, place: int, before: float
) -> None:
    tensors = [torch.randn(50), torch.randn(3, 4), torch.zeros(())]
    tensors[place].view(-1)[-1] = value
    copies = [tensor.clone() for tensor in tensors]
    flag = torch.tensor(before)
    mark_nonfinite(flag, tensors)
    assert flag.item() == max(before, float(not torch.tensor(value).isfinite()))
    if torch.tensor(value).isfinite():
        assert all(torch.equal(a, b) for a, b in zip(tensors, copies, strict=True))


FUSED = [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD, torch.optim.Adagrad]


@pytest.mark.parametrize("optimizer_class", FUSED)
def test_a_fused_optimizer_leaves_out_flagged_steps(optimizer_class: Any) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = optimizer_class([weight], lr=0.1, fused=True)
    assert skips_flagged_steps(optimizer)
    assert not skips_flagged_steps(optimizer_class([weight], lr=0.1, foreach=False))
    flag = torch.zeros(())
    skip_flagged_steps(optimizer, flag)

    def step(gradient: float) -> str:
        weight.grad = torch.full((3,), gradient)
        optimizer.step()
        return f"{weight.tolist()} {optimizer.state_dict()['state']}"

    good = step(1.0)
    flag.fill_(1)
    assert step(torch.nan) == step(2.0) == good
    skip_flagged_steps(optimizer, None)
    skip_flagged_steps(optimizer, None)
    assert step(2.0) != good


@pytest.mark.parametrize("expected", [False, True])
def test_layers_in_evaluation_mode_are_warned_of_unless_expected(
    expected: bool, make_trainer: MakeTrainer, tiny_digits: Path
) -> None:
    trainer, net = make_trainer(), LitMLP(hidden_sizes=[8])
    net.net.features.eval()
    if expected:
        expect_evaluation_mode(trainer)
    with nullcontext() if expected else pytest.raises(Warning, match="in eval mode at the start"):
        trainer.fit(net, DigitsDataModule(batch_size=50, val_size=50))


# ---------------------------------------------------------------- average of the weights


def test_an_average_without_waiting_is_that_of_torch(
    make_trainer: MakeTrainer, tiny_digits: Path
) -> None:
    """Batch normalisation has buffers of whole numbers, too."""

    class Changed(EMAWeightAveraging):
        def on_fit_start(self, trainer: Trainer, pl_module: Any) -> None:
            average_without_waiting(self)

    states = []
    for callback in (Changed(decay=0.9), EMAWeightAveraging(decay=0.9)):
        torch.manual_seed(0)
        trainer = fit(make_trainer(callbacks=[callback]))
        assert callback._average_model is not None
        assert int(callback._average_model.n_averaged) == BATCHES
        states.append(trainer.lightning_module.state_dict())
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())


def test_what_is_not_trained_is_found_in_the_average(
    make_trainer: MakeTrainer, tiny_digits: Path
) -> None:
    found = []

    class Finding(EMAWeightAveraging):
        def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
            found.append([tuple(one.shape) for one in untrained_averages(self, pl_module)])

    for freeze in ("none", "body"):
        trainer = make_trainer(callbacks=[Finding(decay=0.9)], max_steps=1)
        net = LitMLP(hidden_sizes=[8], freeze=freeze)
        trainer.fit(net, DigitsDataModule(batch_size=50, val_size=50))
    # Mean and deviation of the pixels; linear layer and batch normalisation with their buffers.
    assert found == [[], [(), (), (8, 784), (8,), (8,), (8,), (8,), (8,), ()]]


# ---------------------------------------------------------------- all of them are in one module

PACKAGE = Path(deepdigits.__file__).parent
COMPAT = "training/lightning_compat.py"
BY_NAME = {"getattr", "setattr", "delattr", "hasattr", "attrgetter", "methodcaller"}


def private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


def private_uses(source: str) -> list[str]:
    """Private names that a module takes from an object that is not ``self``, ``cls`` or its own."""
    tree = ast.parse(source)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            owner = ast.unparse(node.value)
            if owner not in {"self", "cls", *own}:
                found.append(f"{owner}.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            names = [*str(node.module).split("."), *(alias.name for alias in node.names)]
            found += [f"import {name}" for name in names if private(name)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
            found += [f"import {name}" for name in names if private(name)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in BY_NAME:
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            found += [ast.unparse(node) for text in texts if private(text)]
    return found


def test_no_other_module_uses_a_private_name() -> None:
    used = {
        str(path.relative_to(PACKAGE)): names
        for path in PACKAGE.rglob("*.py")
        if (names := private_uses(path.read_text()))
    }
    assert set(used) == {COMPAT, "models/torch_compat.py"}, used


def test_no_class_overrides_a_private_method_of_another_package() -> None:
    overridden = []
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] in ("__init__", "__main__"):
            continue
        for cls in vars(import_module(".".join(parts))).values():
            if not isinstance(cls, type) or not cls.__module__.startswith("deepdigits"):
                continue
            foreign = [base for base in cls.__mro__ if not base.__module__.startswith("deepdigits")]
            names = [name for base in foreign for name in vars(base) if private(name)]
            functions = (name for name, value in vars(cls).items() if callable(value))
            overridden += [f"{cls.__qualname__}.{n}" for n in functions if n in names]
    assert overridden == []


@pytest.mark.parametrize(
    "line",
    [
        "trainer._checkpoint_connector",
        "super()._instantiate_trainer({}, [])",
        "self.trainer._run(model)",
        "setattr(trainer, '_run', None)",
        "from lightning.pytorch.utilities._pytree import tree_flatten",
        "from torch.nn.utils.clip_grad import _no_grad",
        "import torch._dynamo",
    ],
)
def test_a_private_name_is_found(line: str) -> None:
    assert len(private_uses(f"import x\n{line}\n")) == 1
    assert private_uses("self._model\ncls._model\nx.__dict__\n_own()\n") == []


def test_the_versions_that_were_read_are_named() -> None:
    text = " ".join((PACKAGE / COMPAT).read_text().split())
    assert all(version in text for version in VERSIONS)
