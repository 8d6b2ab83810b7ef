"""The bundled CNN predicts as with all five shifted copies, in torch, bfloat16 and ONNX Runtime."""

import json
from pathlib import Path
from shutil import copytree

import pytest
import torch
from torch import Tensor

from deepdigits.__main__ import run as run_command
from deepdigits.benchmarks.cascade import bench_cascade
from deepdigits.core.errors import InputError
from deepdigits.core.packages import installed
from deepdigits.core.precision import native_bf16
from deepdigits.data.digits import load_split
from deepdigits.exporters.formats import write_onnx, write_torch
from deepdigits.exporters.runtimes import open_onnx, open_torch
from deepdigits.inference.load import load
from deepdigits.inference.reader import MIN_BF16, DigitReader, to_images
from deepdigits.models.shift_tta import is_unclear, with_shift_tta
from deepdigits.runs.model import read_model
from deepdigits.runs.resolve import resolve_run
from deepdigits.runs.run import PRETRAINED


@pytest.fixture(scope="module")
def cnn() -> DigitReader:
    return load("cnn")


@pytest.fixture(scope="module")
def digits() -> Tensor:
    """The first 2,000 test digits, float32 (N, 1, 28, 28)."""
    return to_images(load_split("mnist", "test")[0][:2000])


def test_predictions_equal_all_five_with_few_passes(cnn: DigitReader, digits: Tensor) -> None:
    confidence = cnn.net.shift_tta
    assert isinstance(confidence, float)
    five = DigitReader(with_shift_tta(cnn.net, True), "", ()).logits(digits)
    once = DigitReader(with_shift_tta(cnn.net, False), "", ()).logits(digits)
    assert torch.equal(cnn.logits(digits).argmax(1), five.argmax(1))
    assert 0 < is_unclear(once, confidence).float().mean() < 0.05


@pytest.mark.skipif(not native_bf16(torch.device("cpu")), reason="no bfloat16 instructions")
def test_bfloat16_changes_no_prediction(cnn: DigitReader, digits: Tensor) -> None:
    exact, fast = load("cnn", bf16=False)(digits), cnn(digits)
    assert cnn.bf16 and not torch.equal(exact, fast)
    assert torch.equal(exact.argmax(1), fast.argmax(1))
    assert float((exact - fast).abs().max()) < 0.02
    few = digits[: MIN_BF16 - 1]
    assert torch.equal(cnn(few), load("cnn", bf16=False)(few))


@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_an_exported_cascade_is_that_of_torch(
    form: str, cnn: DigitReader, digits: Tensor, tmp_path: Path
) -> None:
    if form == "onnx" and not installed("export"):
        pytest.skip("pip install 'deepdigits[export]'")
    _, info = read_model(resolve_run("cnn"))
    write, read = (write_onnx, open_onnx) if form == "onnx" else (write_torch, open_torch)
    write(cnn.net, info, tmp_path / "cnn.file")
    exported = read(tmp_path / "cnn.file")
    images = digits[:300]
    once = DigitReader(with_shift_tta(cnn.net, False), "", ()).logits(images)
    unclear = is_unclear(once, cnn.net.shift_tta)  # type: ignore[arg-type]
    with torch.inference_mode():
        for batch in (images, images[unclear], images[~unclear][:1], images[unclear][:1]):
            torch.testing.assert_close(exported(batch), cnn.logits(batch), rtol=0, atol=1e-4)


def test_the_bundled_confidence_is_that_of_the_validation_digits() -> None:
    measured = bench_cascade("cnn").measurements
    saved = json.loads((PRETRAINED / "cnn" / "shift_tta.json").read_text())
    assert measured["confidence"] == saved["confidence"] == load("cnn").net.shift_tta
    for split in ("val", "test"):
        passes, errors, changed = measured[split]["below the confidence"]
        assert passes < 1.2 and changed == 0 and errors == measured[split]["of all"][1]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A copy of the bundled run without its confidence."""
    copytree(PRETRAINED / "cnn", tmp_path / "run")
    (tmp_path / "run" / "shift_tta.json").unlink()
    return tmp_path / "run"


def test_a_run_takes_all_five_until_a_confidence_is_saved(run: Path) -> None:
    assert load(run).net.shift_tta is True
    run_command(["bench", "cascade", "--model", str(run), "--save"])
    assert load(run).net.shift_tta == load("cnn").net.shift_tta
    file = run / "shift_tta.json"
    other = json.loads(file.read_text()) | {"checkpoint_sha256": "0" * 64}
    file.write_text(json.dumps(other))  # of other weights
    assert load(run).net.shift_tta is True


@pytest.mark.parametrize("value", ['"high"', "7.5", "NaN", "null", "true"])
def test_a_damaged_confidence_is_named(run: Path, value: str) -> None:
    copied = json.loads((PRETRAINED / "cnn" / "shift_tta.json").read_text())
    damaged = json.dumps(copied | {"confidence": "X"}).replace('"X"', value)
    (run / "shift_tta.json").write_text(damaged)
    with pytest.raises(InputError, match=r"shift_tta\.json: confidence is .*, expected a number"):
        load(run)


def test_a_net_without_shifts_is_named() -> None:
    with pytest.raises(InputError, match="the net of mlp does not average over shifts"):
        run_command(["bench", "cascade", "--model", "mlp", "--save"])
