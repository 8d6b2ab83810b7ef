"""Nets of users, with arguments of any type: train, save, resume, report, load and export."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.core.modules import VARIABLE
from deepdigits.runs.bundled import publish
from deepdigits.runs.resolve import resolve_run
from deepdigits.training.callbacks.dashboard import Dashboard

pytestmark = pytest.mark.usefixtures("blank_figures")

SHORT = ["--data.val_size", "40", "--data.batch_size", "20", "--trainer.limit_train_batches", "2"]
SHORT += ["--trainer.log_every_n_steps", "1", "--trainer.enable_progress_bar", "false"]
SHORT += ["--logger.version", "run", "--dashboard.every_n_epochs", "0"]
RELU, GELU = "torch.nn.modules.activation.ReLU", "GELU(approximate='none')"
# Class, its options, and what the checkpoint holds of them.
NETS: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "Enum": ("LitEnum", ["--model.kind", "SLIM"], {"kind": "SLIM"}),
    "Path": ("LitPath", ["--model.table", "width.txt"], {"table": "width.txt"}),
    "layer of torch": ("LitModule", ["--model.act", "torch.nn.GELU"], {"act": GELU}),
    "layer of the user": (
        "LitModule",
        ["--model.act", "my_zoo.Swish", "--model.act.beta", "2"],
        {"act": "Swish()"},
    ),
    "layer as a default": ("LitDefault", [], {"act": "PReLU(num_parameters=8)"}),
    "class as a default": ("LitType", [], {"act": RELU}),
    "class": ("LitType", ["--model.act", "my_zoo.Swish"], {"act": "my_zoo.Swish"}),
    "factory as a default": ("LitFactory", [], {"act": RELU}),
    "factory": ("LitFactory", ["--model.act", "my_zoo.Swish"], {"act": "my_zoo.Swish"}),
    "function": (
        "LitFunction",
        ["--model.act", "torch.nn.functional.leaky_relu"],
        {"act": "torch.nn.functional.leaky_relu"},
    ),
    "tensor as a default": ("LitTensor", [], {}),
    "dtype": ("LitDtype", ["--model.kind", "torch.float64"], {"kind": "torch.float64"}),
    "containers": (
        "LitContainers",
        ["--model.blocks", "[{width: 3}]"],
        {"keep": [1, 2], "table": {3: 4}, "block": {"width": 8, "name": "block"}, "nothing": None},
    ),
    "saves itself": (
        "LitSavesItself",
        ["--model.act", "torch.nn.GELU"],
        {"act": GELU, "kind": "WIDE"},
    ),
    "takes no kwargs and no num_classes": ("LitBare", ["--model.width", "4"], {"width": 4}),
    "untyped": ("LitUntyped", ["--model.act", "gelu"], {"act": "gelu", "where": "a.b"}),
    "weights beside its net": ("LitScaled", [], {}),
}


@pytest.fixture
def my_zoo(tiny_digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nets in the working directory, trusted."""
    shutil.copyfile(Path(__file__).with_name("my_zoo.py"), "my_zoo.py")
    Path("width.txt").write_text("8")
    monkeypatch.setenv(VARIABLE, "my_zoo")
    # The images of the dashboard take half of the time of a tiny training; they have tests.
    monkeypatch.setattr(Dashboard, "_draw", lambda *_: None)


def folder_of(net: str) -> str:
    return f"lightning_logs/{net.removeprefix('Lit').lower()}/run"


@pytest.mark.parametrize("kind", NETS)
def test_a_net_of_a_user_is_first_class(kind: str, my_zoo: None) -> None:
    name, options, expected = NETS[kind]
    run(["train", "--model", f"my_zoo.{name}", *options, *SHORT, "--trainer.max_epochs", "1"])
    folder = folder_of(name)
    saved = torch.load(f"{folder}/checkpoints/best.ckpt", weights_only=True)["hyper_parameters"]
    assert {key: saved[key] for key in expected} == expected
    assert "!!python/object" not in Path(folder, "hparams.yaml").read_text()
    assert "Unable" not in Path(folder, "config.yaml").read_text()
    run(["train", "--resume", folder, "--trainer.max_epochs", "2"])
    assert deepdigits.evaluate(folder, "val").num_samples == 40
    predicted = deepdigits.predict(folder, "val")
    expected_probabilities = torch.from_numpy(predicted.probabilities)
    reader = deepdigits.load(folder)
    (file, card) = deepdigits.export(folder, "safetensors").files
    module = resolve_run(folder).model()
    images = torch.from_numpy(predicted.images)
    for probabilities in (
        reader(images),
        deepdigits.load(file)(images),
        module(images.unsqueeze(1) / 255).softmax(1).detach(),
    ):
        torch.testing.assert_close(probabilities, expected_probabilities)
    assert f"environment variable {VARIABLE} to my_zoo." in card.read_text().replace("\\", "")


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("name", ["LitScaled", "LitBare"])
def test_the_exported_function_is_what_the_module_computes(
    name: str, form: Any, my_zoo: None
) -> None:
    """It is compared with the net on all test digits; here also without the user's class."""
    pytest.importorskip("onnxruntime", reason="pip install 'deepdigits[export]'")
    run(["fit", "--model", f"my_zoo.{name}", *SHORT, "--trainer.max_epochs", "1"])
    (file, _) = deepdigits.export(folder_of(name), form).files
    reader = deepdigits.load(folder_of(name))
    from deepdigits.exporters import runtimes

    images = torch.rand(7, 1, 28, 28)
    exported = getattr(runtimes, f"open_{form}")(file)
    torch.testing.assert_close(exported(images), reader.net(images), atol=1e-5, rtol=1e-4)
    plain = resolve_run(folder_of(name)).model()
    torch.testing.assert_close(reader.net(images), plain(images).detach())
    if name == "LitScaled":
        assert not torch.allclose(reader.net(images)[:, :2], plain.net(images), atol=1e-3)


def test_two_nets_do_not_share_a_layer_that_is_a_default(my_zoo: None) -> None:
    short = ["--model", "my_zoo.LitDefault", *SHORT, "--trainer.max_epochs", "1"]
    run(["fit", *short])
    run(["fit", *short, "--logger.version", "again"])
    one, again = (Path("lightning_logs/default", name) for name in ("run", "again"))
    states = [torch.load(f / "checkpoints/best.ckpt", weights_only=True) for f in (one, again)]
    for key, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][key]), key  # the same training
    first, second = deepdigits.load(one), deepdigits.load(again)
    first.net[2].weight.data.fill_(7.0)
    assert not (second.net[2].weight == 7).any()


def test_commands_take_a_net_of_a_user(my_zoo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LitBare", "LitDtype"):
        run(["train", "--model", f"my_zoo.{name}", *SHORT, "--trainer.max_epochs", "1"])
    bare, other = folder_of("LitBare"), folder_of("LitDtype")
    assert run(["test", "--ckpt_path", bare]).report_writer.report.num_samples == 130
    assert run(["ensemble", bare, other]).num_samples == 130
    assert len(deepdigits.compare([bare, other]).rows) == 2
    blank = deepdigits.classify(torch.zeros(40, 40, dtype=torch.uint8).numpy(), bare)
    assert blank[0].text == ""
    server = pytest.importorskip("deepdigits.demo.server")
    monkeypatch.setattr(server, "launch", lambda app, *settings: app)
    assert deepdigits.__main__.run(["demo", bare, other]) is None


def test_a_path_outside_is_typed_again(my_zoo: None, tmp_path: Path) -> None:
    outside = str(tmp_path / "width.txt")
    args = ["--model", "my_zoo.LitPath", "--model.table", outside]
    run(["fit", *args, *SHORT, "--trainer.max_epochs", "1"])
    folder = folder_of("LitPath")
    with pytest.raises(InputError, match=r"model\.table is .*expected a plain value"):
        deepdigits.evaluate(folder)
    run(["test", "--ckpt_path", folder, "--model.table", outside])
    run(["test", "--ckpt_path", folder, "-c", f"{folder}/config.yaml"])


def test_a_saved_config_of_a_layer_as_a_default_runs_again(my_zoo: None) -> None:
    run(["fit", "--model", "my_zoo.LitDefault", *SHORT, "--trainer.max_epochs", "1"])
    config = Path(folder_of("LitDefault"), "config.yaml")
    assert "act" not in yaml.safe_load(config.read_text())["model"]["init_args"]
    again = run(["fit", "-c", str(config), "--logger.version", "again"])
    assert isinstance(again.model.net[2], nn.PReLU)


def test_a_net_that_cannot_be_exported_is_one_line(
    my_zoo: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'deepdigits[export]'")
    code = """
from my_zoo import LitBare
class LitBranch(LitBare):
    def forward(self, images):
        return self.net(images if images.sum() > 0 else -images)
"""
    Path("my_branch.py").write_text(code)
    monkeypatch.setenv(VARIABLE, "my_zoo, my_branch")
    run(["fit", "--model", "my_branch.LitBranch", *SHORT, "--trainer.max_epochs", "1"])
    with pytest.raises(deepdigits.RunFailed, match="cannot be written as torch") as caught:
        deepdigits.export("lightning_logs/branch/run", "torch")
    assert "\n" not in str(caught.value)
    deepdigits.export("lightning_logs/branch/run", "safetensors")


def test_hyperparameters_of_a_run_are_readable(
    my_zoo: None, make_trainer: Callable[..., Any]
) -> None:
    from deepdigits.training.callbacks.hyperparameters import _plain

    shown = _plain({"act": nn.Sequential(nn.ReLU(), nn.GELU()), "lr": 0.1, "norm": True})
    assert shown == {
        "act": "Sequential( (0): ReLU() (1): GELU(approximate='none') )",
        "lr": 0.1,
        "norm": "True",
    }


@pytest.mark.parametrize("name", ["LitScaled", "LitBare"])
def test_weights_as_safetensors_in_a_run_folder_are_those_of_the_run(
    name: str, my_zoo: None, tmp_path: Path
) -> None:
    run(["train", "--model", f"my_zoo.{name}", *SHORT, "--trainer.max_epochs", "1"])
    folder = publish(folder_of(name), "mine", tmp_path).parent
    images = torch.rand(5, 28, 28)
    torch.testing.assert_close(deepdigits.load(folder)(images), deepdigits.load("latest")(images))
    assert deepdigits.evaluate(folder, "val").num_samples == 40
    torch.testing.assert_close(
        resolve_run(folder).model()(images[:, None]),
        resolve_run(folder_of(name)).model()(images[:, None]),
    )
