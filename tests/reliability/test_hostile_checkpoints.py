"""Malicious or broken checkpoints: nothing in them runs, and each is reported in one line."""

import io
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from entry_points import (
    BY_CONFIG,
    BY_NAME,
    ENTRY_POINTS,
    OWN_CONFIG,
    RESUMING,
    all_pairs,
    error_line,
    open_run,
)
from ledger import Ledger
from lightning.pytorch.cli import LightningCLI
from tampering import RUN, Content, edit_checkpoints, replace_checkpoints, zip_bomb
from torch import Tensor, nn

from deepdigits import DigitsDataModule, LitClassifier, LitCNN, LitMLP
from deepdigits.__main__ import run
from deepdigits.runs.resolve import resolve_run
from deepdigits.training.callbacks.relocate_checkpoints import RelocateCheckpoints

pytestmark = pytest.mark.usefixtures("blank_figures", "downloaded", "photo", "served")
IGNORED = "hostile hyper-parameters in a checkpoint at an entry point: ignored, nothing imported"
REFUSED = "broken or hostile checkpoint at an entry point: one line, nothing runs"


class Code:
    """An object that runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return (Path.touch, (self.path,))


def put(**content: object) -> Callable[[Content], object]:
    return lambda checkpoint: checkpoint.update(content)


def gone(name: str) -> Callable[[Content], object]:
    return lambda checkpoint: checkpoint.pop(name)


def hparams(**more: object) -> Callable[[Content], object]:
    return lambda checkpoint: checkpoint["hyper_parameters"].update(more)


def weights(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Content], object]:
    return lambda checkpoint: change(checkpoint["state_dict"])


def all_weights(change: Callable[[Tensor], Tensor]) -> Callable[[Content], object]:
    return weights(lambda state: state.update({name: change(w) for name, w in state.items()}))


def poison(state: dict[str, Tensor]) -> None:
    next(iter(state.values())).view(-1)[0] = torch.nan


# ---------------------------------------------------------------- hyper-parameters

HPARAMS = {
    "_instantiator": hparams(_instantiator="evil.Net"),
    "_class_path": hparams(_class_path="evil.Net"),
    "nested class_path": hparams(hidden_sizes={"class_path": "evil.Net"}),
    "hparams of another name": put(hparams_name="evil.Net"),
}


@all_pairs(HPARAMS)
def test_hyper_parameters_of_a_checkpoint_choose_no_class(
    kind: str, entry: str, canary: Path, ledger: Ledger
) -> None:
    """The net comes from the config or the package; the run works as if they were not there."""
    with ledger(IGNORED):
        edit_checkpoints(HPARAMS[kind])
        if kind == "nested class_path" and entry in BY_NAME:
            assert "cannot be built" in error_line(entry)
        else:
            open_run(entry)
        assert not canary.exists()


def test_lightning_itself_would_import_them(canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning 2.6 with subcommands merges the hyperparameters of a checkpoint into the config."""
    edit_checkpoints(HPARAMS["_class_path"])
    monkeypatch.setattr(sys, "argv", ["deepdigits"])  # Lightning warns of pytest's arguments
    checkpoint = f"--ckpt_path={RUN}/checkpoints/best.ckpt"
    args = ["validate", "--model=deepdigits.LitMLP", checkpoint, "--trainer.fast_dev_run=true"]
    with suppress(Exception):
        LightningCLI(LitClassifier, DigitsDataModule, subclass_mode_model=True, args=args)
    assert canary.exists()


# ---------------------------------------------------------------- invalid content

CONTENT = {
    "code": (put(net=Code(Path("canary"))), "for safety"),
    "a later version": (lambda c: c["deepdigits"].update(format=99), "install the later version"),
    "nan": (weights(poison), "not finite"),
    "no weights": (put(state_dict={}), "another net"),
    "another net": (
        put(state_dict=LitCNN(channels=[4], kernel_sizes=[3], hidden_size=8).state_dict()),
        "another net",
    ),
    "further weights": (weights(lambda state: state.update(x=torch.ones(1))), "unknown weights x"),
    "names for a terminal": (
        weights(lambda state: state.update({"net.\x1b[31m\nx": torch.ones(1)})),
        r"\x1b[31m\nx",
    ),
    "half of them": (all_weights(lambda w: w[: len(w) // 2] if w.ndim else w), "has shape"),
    "a size beyond any memory": (all_weights(lambda w: w.new_zeros(1).expand(10**6, 10**6)), "has"),
    "complex": (all_weights(lambda w: w.to(torch.complex64)), "stored as torch.complex64"),
    "whole numbers": (all_weights(lambda w: w.to(torch.int8)), "stored as torch.int8"),
    "sparse": (all_weights(lambda w: w.to_sparse() if w.ndim else w), "torch.sparse_coo"),
    "no data": (all_weights(lambda w: w.to("meta")), "stored as"),
    "no state_dict": (gone("state_dict"), "no state_dict"),
}


@pytest.mark.filterwarnings("ignore:.*[Ss]parse")  # torch warns of such tensors
@all_pairs(CONTENT)
def test_invalid_content_is_one_line(kind: str, entry: str, canary: Path, ledger: Ledger) -> None:
    with ledger(REFUSED):
        change, named = CONTENT[kind]
        edit_checkpoints(change)
        assert named in error_line(entry)
        assert not canary.exists()


# Read only by the entry points that build the net by its name.
SETTINGS = {
    "no hyper-parameters": (gone("hyper_parameters"), "has no hyper_parameters"),
    "hyper-parameters in a list": (put(hyper_parameters=[1]), "has no hyper_parameters"),
    "a net beyond any memory": (hparams(hidden_sizes=[10**13]), "another net"),
    "a net of endless layers": (
        hparams(hidden_sizes=[1] * 100_000),
        "cannot be built",
    ),
}


@all_pairs(SETTINGS, BY_NAME)
def test_settings_that_build_no_net_are_one_line(kind: str, entry: str, ledger: Ledger) -> None:
    with ledger(REFUSED):
        change, named = SETTINGS[kind]
        edit_checkpoints(change)
        assert named in error_line(entry)


def early_stop(content: Content) -> None:
    content["unfinished"]["counts"]["correct"] = torch.ones(3)


def optimizer(change: Callable[[Content], object]) -> Callable[[Content], object]:
    return lambda content: change(content["optimizer_states"][0])


def moment(value: object) -> Callable[[Content], object]:
    """Change a moment of AdamW: a wrong shape would be read beyond its end."""
    return optimizer(lambda state: state["state"][0].update(exp_avg=value))


def group(**settings: object) -> Callable[[Content], object]:
    return optimizer(lambda state: state["param_groups"][0].update(settings))


def schedule(**settings: object) -> Callable[[Content], object]:
    return lambda content: content["lr_schedulers"][0].update(settings)


def callback(name: str, **settings: object) -> Callable[[Content], object]:
    def change(content: Content) -> None:
        (state,) = (s for key, s in content["callbacks"].items() if key.startswith(name))
        state.update(settings)

    return change


def progress(counts: str, **values: object) -> Callable[[Content], object]:
    """Change counts of batches, steps or epochs, by their key."""
    return lambda content: content["loops"]["fit_loop"][counts].update(values)


# Read only by the entry points that restore a trainer.
STATES = {
    "no version of Lightning": gone("pytorch-lightning_version"),
    "no version at all": put(**{"pytorch-lightning_version": "x"}),
    "invalid loops": put(loops="x"),
    "invalid callbacks": put(callbacks=[1]),
}
TRAINING = {
    "weights only": gone("optimizer_states"),
    "no optimizer": put(optimizer_states=[3]),
    "no schedule": put(lr_schedulers=[3]),
    "empty callbacks": lambda c: c["callbacks"].update({key: {} for key in c["callbacks"]}),
    "counts of another size": early_stop,
    "counts of version 0.1": lambda c: c["unfinished"].update(
        counts={"confmat": torch.zeros(10, 10), "loss_sum": torch.zeros(())}
    ),
    "moment of another shape": moment(torch.ones(3)),
    "moment without data": moment(torch.ones(128, 784, device="meta")),
    "moment of whole numbers": moment(torch.ones(128, 784, dtype=torch.int64)),
    "moment as text": moment("x"),
    "moment missing": optimizer(lambda state: state["state"][0].pop("exp_avg")),
    "further state of the optimizer": optimizer(lambda state: state["state"][0].update(x=1)),
    "state of an unknown parameter": optimizer(lambda state: state["state"].update({99: {}})),
    "learning rate as text": group(lr="x"),
    "betas as a number": group(betas=3),
    "no eps": optimizer(lambda state: state["param_groups"][0].pop("eps")),
    "schedule without an optimizer": schedule(optimizer=None),
    "function of a schedule": schedule(step=3),
    "epoch of a schedule as text": schedule(last_epoch="x"),
    "best score as text": callback("MonitoredEarlyStopping", best_score="x"),
    "patience as a list": callback("MonitoredEarlyStopping", wait_count=[1]),
    "best checkpoints as text": callback("BestCheckpoint", best_k_models="x"),
    "path as a number": callback("BestCheckpoint", best_model_path=3),
    "pace as text": put(pace="x"),
    "steps as a fraction": lambda c: c["pace"].update(schedule_shift=0.5),
    "more steps than any number": lambda c: c["pace"].update(schedule_shift=10**400),
    "no batches per epoch": lambda c: c["pace"].pop("batches"),
    "batches as text": progress("epoch_loop.batch_progress", current={"ready": "x"}),
    "batches in a list": progress("epoch_loop.batch_progress", total=[1]),
    "epochs below 0": progress("epoch_progress", current={"processed": -1}),
    "epochs beyond 64 bits": progress("epoch_progress", current={"processed": 10**30}),
    "logged steps as a fraction": progress("epoch_loop.state_dict", _batches_that_stepped=0.5),
    "no random state": put(random_states=[{"torch": torch.ones(3)}]),
}


@all_pairs(STATES, [*BY_CONFIG, *OWN_CONFIG])
def test_invalid_state_is_one_line(kind: str, entry: str, ledger: Ledger) -> None:
    with ledger(REFUSED):
        edit_checkpoints(STATES[kind])
        assert ".ckpt does not fit this run" in error_line(entry)


@all_pairs(TRAINING, RESUMING)
def test_unfinished_training_is_one_line(kind: str, entry: str, ledger: Ledger) -> None:
    with ledger(REFUSED):
        edit_checkpoints(TRAINING[kind])
        assert "checkpoint" in error_line(entry)


def test_lightning_itself_raises_a_key_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepdigits.training.cli.wrap_restore_errors", lambda trainer: None)
    edit_checkpoints(TRAINING["weights only"])
    with pytest.raises(KeyError, match="contains only the model"):
        open_run("fit --resume")


# ---------------------------------------------------------------- bytes


def script() -> bytes:
    buffer = io.BytesIO()
    with pytest.warns((DeprecationWarning, FutureWarning)):
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


BYTES = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "a byte missing": lambda data: data[:-1],
    "random": lambda data: bytes(torch.randint(256, (5000,), dtype=torch.uint8).tolist()),
    "backwards": lambda data: data[::-1],
    "zip bomb": lambda data: zip_bomb(),
    "a script": lambda data: script(),
    "a pickle": lambda data: pickle.dumps(Code(Path("canary"))),
    "text": lambda data: b"state_dict: {}\n",
}


@all_pairs(BYTES)
def test_damaged_checkpoint_is_named(kind: str, entry: str, canary: Path, ledger: Ledger) -> None:
    with ledger(REFUSED):
        replace_checkpoints(BYTES[kind])
        assert "is damaged" in error_line(entry)
        assert not canary.exists()


@pytest.mark.parametrize("kind", BYTES)
def test_damaged_last_checkpoint_is_replaced_by_the_best(
    kind: str, capsys: pytest.CaptureFixture[str], ledger: Ledger
) -> None:
    with ledger("damaged last.ckpt: the one before it is used, and a line says so"):
        last = Path(RUN, "checkpoints", "last.ckpt")
        last.write_bytes(BYTES[kind](last.read_bytes()))
        assert resolve_run(RUN).last_checkpoint == last.with_name("best.ckpt")
        assert f"going on from {RUN}/checkpoints/best.ckpt" in capsys.readouterr().err
        assert open_run("fit --resume").trainer.global_step == 8


def test_net_of_other_width_is_named() -> None:
    assert "is of another net" in error_line("test", "--model.hidden_sizes", "[32]")


def test_load_from_checkpoint_imports_nothing(canary: Path) -> None:
    """Lightning's `load_from_checkpoint` raises its own errors, and imports nothing."""
    for kind in ("_instantiator", "_class_path"):
        edit_checkpoints(HPARAMS[kind])
        with pytest.raises(Exception, match=r"evil|_instantiator|_class_path"):
            LitMLP.load_from_checkpoint(Path(RUN, "checkpoints", "last.ckpt"))
    assert not canary.exists()


# ---------------------------------------------------------------- paths


def name_a_file_outside() -> None:
    """Make the checkpoints name a file outside of the run as the best one so far."""
    Path("mine.txt").touch()
    dirpath = str(Path(RUN, "checkpoints").resolve())

    def mine(content: Content) -> None:
        (state,) = (v for k, v in content["callbacks"].items() if k.startswith("BestCheckpoint"))
        path = f"{dirpath}/../../mine.txt"
        best = {path: torch.tensor(0.0)}
        state |= {"kth_best_model_path": path, "best_k_models": best, "dirpath": dirpath}

    edit_checkpoints(mine)


def test_malicious_checkpoint_removes_no_file() -> None:
    name_a_file_outside()
    run(["train", "--resume", RUN, "--trainer.max_epochs", "3"])
    assert Path("mine.txt").exists()
    names = {path.name for path in Path(RUN, "checkpoints").iterdir()}
    assert names == {"best.ckpt", "last.ckpt"}


def test_lightning_itself_would_remove_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name_a_file_outside()
    monkeypatch.setattr(RelocateCheckpoints, "on_load_checkpoint", lambda *args: None)
    run(["train", "--resume", RUN, "--trainer.max_epochs", "3"])
    assert not Path("mine.txt").exists()


@pytest.mark.reliability
def test_all_entry_points_open_a_valid_run(served: list[str]) -> None:
    for entry in ENTRY_POINTS:
        open_run(entry)
    assert served == [RUN]
