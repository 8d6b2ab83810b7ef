"""``deepdigits export``: the file is equivalent to the net, or there is no file."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from deepdigits.__main__ import run
from deepdigits.commands.export import export
from deepdigits.core import packages
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.data import sources
from deepdigits.exporters import card, formats, verify
from deepdigits.inference.load import load
from deepdigits.metrics.report import Report
from deepdigits.runs import weights
from deepdigits.runs.model_info import ModelInfo

pytestmark = pytest.mark.usefixtures("blank_figures")

onnx = pytest.importorskip("onnx", reason="pip install 'deepdigits[export]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'deepdigits[export]'")


def test_onnx_is_the_net_with_its_description_at_any_batch_size(make_run, capsys) -> None:
    name = make_run("mlp")
    capsys.readouterr()
    file, written_card = run(["export", name, "--to", "onnx"])
    shown = capsys.readouterr()
    assert re.search(
        r"^mlp\.onnx: all 130 predictions equal the net's, logits differ by", shown.out
    )
    assert shown.err == ""
    assert file == Path(name, "export", "mlp.onnx")
    session = onnxruntime.InferenceSession(file)
    images = np.random.default_rng(0).random((7, 1, 28, 28), np.float32)
    for size in (1, 7):
        (logits,) = session.run(["logits"], {"images": images[:size]})
        expected = load(name).net(torch.from_numpy(images[:size]))
        np.testing.assert_allclose(logits, expected, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["class_names"]) == [str(label) for label in range(10)]
    assert json.loads(metadata["report"]) == json.loads(Path(name, "report.json").read_text())
    assert written_card.name == "mlp.onnx.md"


def test_no_path_of_this_machine_is_in_a_file(make_run) -> None:
    name = make_run("mlp")
    for form in ("onnx", "torch"):
        file, _ = run(["export", name, "--to", form])
        assert str(Path(formats.__file__).parents[1]).encode() not in file.read_bytes()
        assert b"site-packages" not in file.read_bytes()


@pytest.mark.parametrize("form", ["onnx", "torch", "safetensors"])
def test_the_card_tells_how_to_load_the_file(form, make_run, monkeypatch, capsys) -> None:
    name = make_run("mlp")
    written = [path for path in run(["export", name, "--to", form, "--folder", "out"])]
    text = written[-1].read_text()
    errors = json.loads(Path(name, "report.json").read_text())["errors"]
    assert f"({errors} errors in 130)" in text
    assert all(f"| {label} | " in text for label in range(10))
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    monkeypatch.chdir("out")
    capsys.readouterr()
    exec(code, {})
    answer = load(str(Path("..", name)))(torch.zeros(1, 28, 28))
    shown = capsys.readouterr().out
    if form == "onnx":
        assert shown == f"{[str(int(answer.argmax()))] * 5}\n"
    else:
        values = [float(x) for x in re.findall(r"\d\.\d+(?:e-\d+)?", shown)[:10]]
        assert values == pytest.approx(answer[0].tolist(), abs=1e-3)


def test_safetensors_are_one_file_with_the_settings_in_its_metadata(make_run) -> None:
    done = export(make_run("mlp"), "safetensors", Path("out"))
    assert [path.name for path in done.files] == ["mlp.safetensors", "mlp.safetensors.md"]
    assert done.checks.keys() == {"mlp.safetensors"}
    state, description = weights.read(done.files[0])
    assert "head.weight" in state
    info = ModelInfo.from_dict(description["model"], "")
    assert (info.net, info.settings["hidden_sizes"], info.data["val_size"]) == ("LitMLP", [8], 40)


@pytest.mark.parametrize(
    ("net", "quantised"),
    [("cnn", {"QuantizeLinear", "DequantizeLinear", "Conv"}), ("mlp", {"MatMulInteger"})],
)
def test_int8_measures_accuracy_size_and_speed(net, quantised, make_run, capsys) -> None:
    name = make_run(net)
    capsys.readouterr()
    written = {path.name: path for path in run(["export", name, "--int8"])}
    shown = capsys.readouterr().out
    assert set(written) == {f"{net}{x}.onnx{y}" for x in ("", "-int8") for y in ("", ".md")}
    images, labels = sources.load("mnist", sources.default_data_dir(), train=False)
    session = onnxruntime.InferenceSession(written[f"{net}-int8.onnx"])
    (logits,) = session.run(None, {"images": images.numpy()[:, None].astype(np.float32) / 255})
    accuracy = 100 * (logits.argmax(1) == labels.numpy()).mean()
    line = next(x for x in shown.splitlines() if x.startswith(f"{net}-int8.onnx: "))
    assert f"accuracy {accuracy:.2f} %" in line
    assert "images per second" in written[f"{net}-int8.onnx.md"].read_text()
    assert written[f"{net}-int8.onnx"].stat().st_size < 0.5 * written[f"{net}.onnx"].stat().st_size
    plain, small = (onnx.load(written[f"{net}{x}.onnx"]) for x in ("", "-int8"))
    info, kept = ({x.key for x in model.metadata_props} for model in (plain, small))
    assert kept >= info > {"class_names", "report"}
    kinds = {node.op_type for node in small.graph.node}
    assert quantised <= kinds and "ConvInteger" not in kinds


def test_a_file_that_is_not_equivalent_is_removed(make_run, monkeypatch) -> None:
    name = make_run("mlp")
    former, _ = run(["export", name, "--to", "torch"])
    content = former.read_bytes()
    write = formats.write_torch

    def write_another(net, info, path):
        net.head.bias.data[3] += 1e-3
        write(net, info, path)
        net.head.bias.data[3] -= 1e-3

    monkeypatch.setattr(formats, "write_torch", write_another)
    with pytest.raises(RunFailed, match=r"mlp\.pt2 is not equivalent to the net, and was removed"):
        run(["export", name, "--to", "torch"])
    assert former.read_bytes() == content
    assert {path.name for path in former.parent.iterdir()} == {"mlp.pt2", "mlp.pt2.md"}


def test_verification_counts_changed_digits_and_finds_nan() -> None:
    net = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    changed = verify.compare(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), net, torch.tensor([1, 1]))
    assert (changed.changed, changed.difference, changed.accuracy) == (1, 2.0, 0.5)
    lost = verify.compare(torch.full((2, 2), torch.nan), net, torch.tensor([0, 0]))
    with pytest.raises(RunFailed):
        verify.assert_equivalent(lost, Path("net.onnx"))
    verify.assert_equivalent(
        verify.compare(net + 5e-5, net, torch.tensor([1, 1])), Path("net.onnx")
    )
    with pytest.raises(RunFailed):
        verify.assert_equivalent(
            verify.compare(net + 2e-4, net, torch.tensor([1, 1])), Path("net.onnx")
        )


def test_a_net_without_a_report_has_a_card_too() -> None:
    info = ModelInfo("LitMLP", {}, {}, ("a",))
    assert "there are no figures" in card.to_markdown("net.pt2", "torch", info, [])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["gone"], "run gone does not exist"),
        (["cnn", "--to", "coreml"], "coreml"),
        (["cnn", "--to", "torch", "--int8"], "--int8 goes with --to onnx"),
    ],
)
def test_wrong_input_is_named(args, message) -> None:
    with pytest.raises(InputError, match=message):
        run(["export", *args])


def test_missing_packages_are_named_with_the_command_that_installs_them(monkeypatch) -> None:
    monkeypatch.setitem(packages.EXTRAS, "export", ("onnx", "no_such_runtime"))
    wanted = r"needs no_such_runtime, .*: run pip install 'deepdigits\[export\]'"
    with pytest.raises(InputError, match=wanted):
        run(["export", "cnn", "--to", "onnx"])


def test_card_shows_the_text_of_strangers_as_it_is() -> None:
    hostile = "<img src=x>|`$x$`\n---\nevil: 1 [a](http://b) \u202e"
    report = Report([[3, 1], [0, 4]], [hostile, "1"], 0.1).to_dict()
    facts = {"dataset": hostile, "split": "test", "seed": 0}
    info = ModelInfo("LitMLP", {"norm": hostile}, {}, (hostile, "1"), report | facts)
    for form in ("onnx", "torch", "safetensors"):
        text = card.to_markdown('a"); evil("```.onnx', form, info, [f"checked {hostile}"])
        assert all(line.isprintable() for line in text.split("\n"))
        assert not re.search(r"<img|^---$|^evil|(?<!\\)[$]|(?<!\\)\]\(", text, re.M)
        code = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
        assert len(code) == 1 and text.count("\n```") == 2
        nodes = ast.walk(ast.parse(code[0]))
        assert "evil" not in [ast.unparse(n.func) for n in nodes if isinstance(n, ast.Call)]
