"""`--init_from RUN`: a new training from the weights of another run; `--model.freeze body`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor, nn
from trainings import same_bytes

import deepdigits
from deepdigits import CNN, MLP, LitClassifier, LitCNN, LitMLP
from deepdigits.__main__ import run
from deepdigits.commands import repeat
from deepdigits.core.errors import InputError
from deepdigits.runs import checkpoint
from deepdigits.runs.finished import sha256
from deepdigits.runs.resolve import resolve_run
from deepdigits.runs.run import PRETRAINED
from deepdigits.training.head import head_name
from deepdigits.training.origin import Origin, take_weights

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

SMALL = ["--data.batch_size=32", "--data.val_size=60", "--model.hidden_sizes=[8]"]
SHORT = ["--trainer.max_epochs=1", "--trainer.log_every_n_steps=2", "--trainer.accelerator=cpu"]
MLP_ = ["--model=LitMLP", *SMALL, *SHORT, "--dashboard.every_n_epochs=0"]
STILL = ["--model.lr=0", "--model.norm=false"]  # neither weights nor statistics move
FIRST = "lightning_logs/first/version_0"
NEXT = "lightning_logs/next/version_0"
Train = Callable[..., Any]


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's nets and data modules in the working directory, trusted."""
    shutil.copy(Path(__file__).with_name("own_code.py"), "mine.py")
    monkeypatch.setenv("DEEPDIGITS_TRUST", "mine")


def fit(*more: str, base: list[str] = MLP_, command: str = "fit") -> Any:
    return run([command, *base, *more])


def first(*more: str, **settings: Any) -> Any:
    return fit("--logger.name=first", *more, **settings)


def follow(*more: str, **settings: Any) -> Any:
    """A run that starts from the first one, unless told otherwise."""
    origin = (
        [] if any(word.startswith("--init_from") for word in more) else [f"--init_from={FIRST}"]
    )
    return fit("--logger.name=next", *origin, *more, **settings)


def weights(folder: str | Path, name: str = "last") -> dict[str, Tensor]:
    path = Path(folder, "checkpoints", f"{name}.ckpt")
    state: dict[str, Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


def refusal(*args: str) -> str:
    with pytest.raises(InputError) as caught:
        run(list(args))
    line = str(caught.value)
    assert line.isprintable()
    return line


# ---------------------------------------------------------------- what is taken


def test_without_learning_it_predicts_as_its_origin(capsys: pytest.CaptureFixture[str]) -> None:
    first("--model.norm=false")
    capsys.readouterr()
    follow(*STILL, "--seed_everything=1")
    assert f"init_from   {FIRST}: all 4 tensors\n" in capsys.readouterr().out
    assert same_bytes(weights(FIRST, "best"), weights(NEXT))
    one, other = (deepdigits.predict(folder, split="val") for folder in (FIRST, NEXT))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_a_bundled_net_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    frozen = ["--model.lr=0", "--model.freeze=body", *SMALL[:2]]
    run(["fit", "-c", "mlp", "--init_from", "mlp", *frozen, *SHORT, "--logger.name=next"])
    assert "init_from   mlp: all " in capsys.readouterr().out
    bundled = load_file(PRETRAINED / "mlp" / "model.safetensors")
    assert same_bytes({f"net.{name}": value for name, value in bundled.items()}, weights(NEXT))


def test_epoch_and_optimizer_are_new() -> None:
    first("--trainer.max_epochs=2")
    follow("--trainer.limit_train_batches=3")
    content = torch.load(f"{NEXT}/checkpoints/last.ckpt", weights_only=True)
    assert (content["epoch"], content["global_step"]) == (0, 3)
    states = content["optimizer_states"][0]["state"].values()
    assert {float(state["step"]) for state in states} == {3.0}
    assert list(deepdigits.Run(Path(NEXT)).metrics["epoch"]) == [1]


def test_the_first_gradient_is_that_of_a_training_by_hand() -> None:
    """SGD in plain PyTorch from the same weights on the same batch."""
    first("--model.norm=false")
    sgd = ["--optimizer=torch.optim.SGD", "--optimizer.lr=0.1", "--trainer.max_steps=1"]
    constant = ["--lr_scheduler=torch.optim.lr_scheduler.ConstantLR", "--lr_scheduler.factor=1"]
    cli = follow(
        "--model.norm=false",
        *sgd,
        *constant,
        "--data.batch_size=240",
        "--trainer.log_every_n_steps=1",
    )
    net = MLP([8], norm=False)
    net.load_state_dict({k.removeprefix("net."): v for k, v in weights(FIRST, "best").items()})
    data = cli.datamodule
    (batch,) = data.train_dataloader()
    images, labels = data.on_after_batch_transfer(batch, 0)
    nn.functional.cross_entropy(net(images), labels).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        expected = parameter.detach() - 0.1 * parameter.grad
        torch.testing.assert_close(weights(NEXT)[f"net.{name}"], expected)


def test_another_number_of_classes_has_a_new_head(
    mine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first()
    capsys.readouterr()
    follow("--model.freeze=body", base=["--data=mine.Parity", *MLP_])
    line = f"init_from   {FIRST}: 7 of 9 tensors; new: head.weight, head.bias (10 -> 2 classes)\n"
    assert line in capsys.readouterr().out
    origin, made = weights(FIRST, "best"), weights(NEXT)
    assert made["net.head.weight"].shape == (2, 8)
    body = [name for name in origin if ".head." not in name]
    assert len(body) == 7
    assert same_bytes({n: origin[n] for n in body}, {n: made[n] for n in body})


def test_a_checkpoint_and_latest_and_python(capsys: pytest.CaptureFixture[str]) -> None:
    first("--trainer.max_epochs=2", *STILL)
    last = Path(FIRST, "checkpoints", "last.ckpt")
    for number, name in enumerate([str(last), "latest", "lightning_logs/first/latest"]):
        follow(f"--init_from={name}", *STILL, f"--logger.version={number}")
        shutil.rmtree(f"lightning_logs/next/version_{number}")
        assert f"init_from   {name}: all" in capsys.readouterr().out
    settings = dict(word.removeprefix("--").split("=") for word in [*MLP_, *STILL])
    for origin in (deepdigits.Run(Path(FIRST)), Path(FIRST), FIRST):
        made = deepdigits.train((), settings, init_from=origin, test=False)
        assert same_bytes(weights(FIRST, "best"), weights(made.folder))
        assert made.config["init_from"] == FIRST


def test_a_module_that_is_no_classifier_of_ours(
    mine: None, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ["--model=mine.Plain", *SMALL[:2], *SHORT]
    own = ["--checkpoint.monitor=val_loss", "--early_stopping.monitor=val_loss"]
    first(base=[*plain, *own])
    follow("--model.lr=0", base=[*plain, *own])
    assert f"init_from   {FIRST}: all 4 tensors" in capsys.readouterr().out
    assert same_bytes(weights(FIRST, "best"), weights(NEXT))
    line = refusal("fit", *plain, *own, f"--init_from={FIRST}", "--model.width=5")
    assert "Plain has net.1.weight of shape (5, 784), and there it is (4, 784)" in line


@pytest.mark.parametrize(
    "more",
    [
        ["--ema_decay=0.5"],
        ["--mixed_precision=auto"],
        ["--trainer.precision=64-true"],
        pytest.param(["--model.compile=true"], marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0].strip("-"),
)
def test_average_precision_and_compilation(more: list[str]) -> None:
    first("--model.norm=false")
    follow(*STILL, *more)
    for name in ("best", "last"):
        for key, value in weights(NEXT, name).items():
            torch.testing.assert_close(value.float(), weights(FIRST, "best")[key])


def test_of_an_averaged_run_the_average_is_taken() -> None:
    first("--model.norm=false", "--ema_decay=0.9")
    content = torch.load(f"{FIRST}/checkpoints/best.ckpt", weights_only=True)
    assert not torch.equal(
        content["state_dict"]["net.head.bias"], content["current_model_state"]["net.head.bias"]
    )
    follow(*STILL)
    assert same_bytes(weights(NEXT), content["state_dict"])


@pytest.mark.distributed
def test_two_processes_start_from_the_same() -> None:
    first("--model.norm=false")
    follow(*STILL, "--trainer.devices=2", "--trainer.strategy=ddp_fork", "--num_threads=1")
    assert same_bytes(weights(FIRST, "best"), weights(NEXT))


# ---------------------------------------------------------------- the body is frozen


@pytest.mark.parametrize("average", [[], ["--ema_decay=0.9"]], ids=["", "average"])
def test_frozen_tensors_keep_their_bytes(average: list[str], capsys: Any) -> None:
    first("--model.dropout=0.2")
    cli = follow(
        *("--model.dropout=0.2", "--model.freeze=body", "--model.weight_decay=10"),
        *("--trainer.max_epochs=2", "--model.lr=0.1", *average),
    )
    origin, made = weights(FIRST, "best"), weights(NEXT)
    moved = {
        name for name in made if made[name].numpy().tobytes() != origin[name].numpy().tobytes()
    }
    assert moved == {"net.head.weight", "net.head.bias"}
    trained = {name for name, p in cli.model.named_parameters() if p.requires_grad}
    assert trained == moved
    groups = torch.load(f"{NEXT}/checkpoints/last.ckpt", weights_only=True)["optimizer_states"][0]
    assert [len(group["params"]) for group in groups["param_groups"]] == [1, 1]


def test_the_head_is_trained_on_what_the_body_computes_in_evaluation() -> None:
    """With test-time augmentation too, which a training does not use."""
    net = LitMLP([8], dropout=0.5, shift_tta=True, freeze="body").train()
    images = torch.rand(6, 1, 28, 28)
    net.net.features[2].running_mean.uniform_()
    plain = LitMLP([8], dropout=0.5).eval()
    plain.load_state_dict(net.state_dict())
    torch.testing.assert_close(net(images), plain(images), rtol=0, atol=0)
    assert net.training and net.net.training and net.net.head.training
    assert not net.eval().net.head.training


@pytest.mark.parametrize(
    ("net", "head"),
    [
        (MLP([8]), "head"),
        (CNN([2], [3], 8), "head"),
        (nn.Sequential(nn.Linear(784, 8), nn.Sequential(nn.Linear(8, 10), nn.ReLU())), "1.0"),
        (nn.Linear(784, 10), ""),
        (nn.Sequential(nn.Conv2d(1, 10, 28)), None),
    ],
)
def test_the_head_of_a_net(net: nn.Module, head: str | None) -> None:
    assert head_name(net) == head
    if head is None:
        with pytest.raises(InputError, match="Sequential has no head: expected a layer named"):
            LitClassifier(net, freeze="body")
    else:
        assert LitClassifier(net, freeze="body").freezes_body


def test_another_value_of_freeze_is_refused() -> None:
    with pytest.raises(InputError, match="freeze is 'head', expected body or none"):
        LitCNN(freeze="head")  # type: ignore[arg-type]
    assert "freeze" in refusal("fit", *MLP_, "--model.freeze=all")


# ---------------------------------------------------------------- resume, and the record


class Killed(Exception):
    """Raised in place of a kill, within this process."""


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """Start a run from the first one, and stop it after some steps."""

    def train_or_stop(self: LitClassifier, batch: Any, batch_idx: int) -> Tensor:
        if self.trainer.global_step == step:
            raise Killed
        return training_step(self, batch, batch_idx)

    training_step = LitClassifier.training_step
    each = ["--last_checkpoint.every_n_steps=1", "--last_checkpoint.every_n_seconds=0"]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LitClassifier, "training_step", train_or_stop)
        follow(*more, *each)


@pytest.mark.parametrize("freeze", ["none", "body"])
def test_a_resumed_run_ends_as_one_without_a_stop_and_reads_no_origin(
    freeze: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first("--model.dropout=0.2")
    more = ["--trainer.max_epochs=2", "--model.dropout=0.2", f"--model.freeze={freeze}"]
    follow(*more, "--logger.name=whole")
    stop_after(11, monkeypatch, *more)
    before = yaml.safe_load(Path(NEXT, "config.yaml").read_text())
    shutil.rmtree("lightning_logs/first")
    capsys.readouterr()
    run(["fit", "--resume", NEXT])
    assert "init_from" not in capsys.readouterr().out
    assert same_bytes(weights(NEXT), weights("lightning_logs/whole/version_0"))
    after = yaml.safe_load(Path(NEXT, "config.yaml").read_text())
    for name in ("init_from", "init_sha256"):
        assert (
            before[name] == after[name] == json.loads(Path(NEXT, "training.json").read_text())[name]
        )


def test_a_frozen_run_is_not_resumed_with_all_layers() -> None:
    first()
    follow("--model.freeze=body")
    line = refusal("fit", "--resume", NEXT, "--model.freeze=none", "--trainer.max_epochs=2")
    assert "does not fit this run" in line


def test_config_training_and_report_name_the_origin() -> None:
    first(command="train")
    follow(command="train")
    total = json.loads(Path(FIRST, "report.json").read_text())["checkpoint_sha256"]
    assert total == sha256(Path(FIRST, "checkpoints", "best.ckpt"))
    config = yaml.safe_load(Path(NEXT, "config.yaml").read_text())
    training, report = (
        json.loads(Path(NEXT, name).read_text()) for name in ("training.json", "report.json")
    )
    for content in (config, training, report):
        assert (content["init_from"], content["init_sha256"]) == (FIRST, total)
    run(["test", "--ckpt_path", NEXT])
    assert json.loads(Path(NEXT, "report.json").read_text()) == report
    assert "init_from" not in json.loads(Path(FIRST, "training.json").read_text())


def test_the_saved_config_runs_again_from_the_same_weights_only() -> None:
    first()
    follow()
    copied = ["fit", "-c", f"{NEXT}/config.yaml", "--logger.version=again"]
    run(copied)
    assert same_bytes(weights(NEXT), weights("lightning_logs/next/again"))
    first("--model.lr=0.1", "--seed_everything=1", "--logger.version=other")
    shutil.copy("lightning_logs/first/other/checkpoints/best.ckpt", f"{FIRST}/checkpoints/")
    line = refusal(*copied)
    assert f"init_from {FIRST} is not what it was" in line and "--init_sha256 null" in line
    run([*copied, "--init_sha256=null", "--logger.version=new"])
    shutil.rmtree("lightning_logs/first")
    line = refusal(*copied)
    assert line.startswith(f"init_from {FIRST} cannot be read: run {FIRST} does not exist: RUN is")


def test_compare_tells_origins_apart() -> None:
    for seed in (0, 1):
        first(f"--seed_everything={seed}", f"--logger.version={seed}")
    start = ["--logger.name=next", "--init_from"]
    for number, (seed, origin) in enumerate([(0, "0"), (1, "0/checkpoints/best.ckpt"), (0, "1")]):
        folder = f"lightning_logs/first/version_{origin}"
        fit(
            *start,
            folder,
            f"--seed_everything={seed}",
            f"--logger.version={number}",
            command="train",
        )
    fit("--logger.name=next", "--logger.version=3", command="train")
    groups = deepdigits.compare(["lightning_logs/next"]).groups
    assert sorted(len(group.results) for group in groups) == [1, 1, 2]
    total = sha256(Path("lightning_logs/first/version_0/checkpoints/best.ckpt"))
    assert f"init_from={total[:12]}" in next(g.name for g in groups if len(g.results) == 2)


def test_all_seeds_of_repeat_start_from_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first("--logger.version=origin", command="train")

    def start(args: list[str], lock: Any) -> int:
        run(args)
        return 0

    monkeypatch.setattr(repeat, "start", start)
    more = [*MLP_, "--logger.name=next", "--init_from=latest"]
    made = deepdigits.repeat((), 2, more)
    total = sha256(Path("lightning_logs/first/origin/checkpoints/best.ckpt"))
    for result in made.results:
        assert result.run.config["init_from"] == "lightning_logs/first/origin"
        assert result.run.config["init_sha256"] == total
    again = [*MLP_, "--logger.name=next", "--init_from=lightning_logs/first/origin"]
    assert [r.run for r in deepdigits.repeat((), 2, again).results] == [r.run for r in made.results]
    Path(made.folder, "seed_1", "finished.json").unlink()
    assert len(deepdigits.repeat((), 2, again).results) == 2  # tested with the same flags


# ---------------------------------------------------------------- what is refused


def test_start_and_resume_are_two_things() -> None:
    first()
    for words in (["--resume", FIRST], [f"--ckpt_path={FIRST}/checkpoints/last.ckpt", *MLP_]):
        line = refusal("fit", "--init_from", "mlp", *words)
        assert line.startswith("--init_from starts a new training") and "leave out one" in line
    with pytest.raises(InputError, match="leave out one of them"):
        deepdigits.train(resume=FIRST, init_from="mlp")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("nowhere", "init_from nowhere cannot be read: run nowhere does not exist: RUN is a run"),
        ("latest", "init_from latest cannot be read: there is no run in lightning_logs yet"),
        ("mlp", "init_from mlp does not fit: LitMLP has features.1.weight of shape (8, 784), and"),
        (
            "cnn",
            "init_from cnn does not fit: LitMLP has features.1.bias, features.1.weight in addition",
        ),
    ],
)
def test_an_origin_that_is_not_there_or_is_another_net(name: str, what: str) -> None:
    line = refusal("fit", *MLP_, "--init_from", name)
    assert line.startswith(what)
    assert not Path("lightning_logs").exists()


def test_a_net_with_more_layers_or_fewer(mine: None) -> None:
    first("--model.hidden_sizes=[8, 8]")
    line = refusal("fit", *MLP_, "--init_from", FIRST)
    assert "does not fit: LitMLP has no features.4.bias, features.4.weight, features.5.bias" in line
    assert "only the number of classes may differ" in line
    line = refusal("fit", "--model=mine.Small", *SMALL[:2], *SHORT, "--init_from", FIRST)
    assert "does not fit: Small has no tensor of the same name and shape" in line


class Lit(LitClassifier):
    """Any net as a module, for any number of classes."""

    def __init__(self, *layers: nn.Module, num_classes: int = 10) -> None:
        super().__init__(nn.Sequential(nn.Flatten(), *layers), num_classes)


def of(module: LitClassifier) -> Origin:
    return Origin("there", Path("there.ckpt"), module.state_dict())


@pytest.mark.parametrize(
    ("before", "now", "what"),
    [
        (
            [nn.Linear(784, 10)],
            [nn.LazyLinear(10)],
            "has lazy layers, whose shapes the first batch decides",
        ),
        (
            [nn.Linear(784, 8), nn.Linear(8, 10)],
            [nn.Linear(784, 8), nn.Linear(8, 12)],  # which the module says are 10
            "has a head of other widths",
        ),
        (
            [nn.Linear(784, 4, bias=False), nn.Linear(4, 10)],
            [nn.Linear(784, 4), nn.Linear(4, 10)],
            "has 1.bias in addition",
        ),
        (
            [nn.Conv1d(1, 4, 1), nn.Conv1d(4, 10, 784)],
            [nn.Conv1d(1, 4, 1), nn.Conv1d(4, 2, 784)],
            "has 2.weight of shape (2, 4, 784), and there it is (10, 4, 784)",  # no known head
        ),
    ],
    ids=["lazy", "widths", "bias", "no head"],
)
def test_nets_that_differ_by_more_than_classes(
    before: list[nn.Module], now: list[nn.Module], what: str
) -> None:
    with pytest.raises(InputError) as caught:
        take_weights(Lit(*now), of(Lit(*before)))
    assert f"init_from there does not fit: Lit {what}; only the number of" in str(caught.value)


def test_the_last_linear_layer_is_the_head_of_any_net() -> None:
    torch.manual_seed(1)
    before = Lit(nn.Linear(784, 4), nn.Linear(4, 10))
    now = Lit(nn.Linear(784, 4), nn.Linear(4, 47), num_classes=47)
    line = take_weights(now, of(before))
    assert line == "init_from   there: 2 of 4 tensors; new: 2.weight, 2.bias (10 -> 47 classes)"
    assert torch.equal(now.net[1].weight, before.net[1].weight)


@pytest.mark.parametrize("damage", ["cut", "code", "nan"])
def test_a_damaged_origin(damage: str) -> None:
    first()
    path = Path(FIRST, "checkpoints", "best.ckpt")
    content = torch.load(path, weights_only=True)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "code":
        torch.save(content | {"more": Path}, path)
    else:
        content["state_dict"]["net.head.bias"][0] = torch.nan
        torch.save(content, path)
    wanted = {
        "cut": "is damaged or not a checkpoint",
        "code": "holds more than tensors and plain values, which is not read for safety",
        "nan": "values of net.head.bias are not finite",
    }
    assert wanted[damage] in refusal("fit", *MLP_, "--init_from", FIRST)


def test_a_strangers_config_makes_a_resumed_run_read_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first()
    path = Path(FIRST, "config.yaml")
    config = yaml.safe_load(path.read_text())
    read: list[Path] = []
    load = checkpoint.load
    monkeypatch.setattr(
        "deepdigits.training.checkpoint_io.load", lambda path: read.append(path) or load(path)
    )
    monkeypatch.setattr("deepdigits.training.origin.load", read.append)
    monkeypatch.setattr("deepdigits.training.origin.sha256", read.append)
    process = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "canary"]}}
    for number, origin in enumerate(["/dev/zero", "https://example.org/a", process, ["cnn"], 7]):
        path.write_text(yaml.safe_dump({**config, "init_from": origin, "init_sha256": origin}))
        run(["fit", "--resume", FIRST, f"--trainer.max_epochs={number + 2}"])
    assert {one.name for one in read} == {"last.ckpt"}
    assert not Path("canary").exists()


def test_weights_alone_name_no_class_of_a_stranger(mine: None) -> None:
    """The config of the origin is not read."""
    first()
    path = Path(FIRST, "config.yaml")
    config = yaml.safe_load(path.read_text())
    config["model"]["class_path"] = "evil.Net"
    path.write_text(yaml.safe_dump(config))
    Path("evil.py").write_text("from pathlib import Path\nPath('canary').touch()\n")
    follow(*STILL[:1])
    assert not Path("canary").exists()
    assert resolve_run(NEXT).config["model"]["class_path"] == "deepdigits.LitMLP"
