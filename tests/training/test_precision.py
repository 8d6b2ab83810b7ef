"""The precision that fits the processor: chosen, said, kept; the test is in 32 bits."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from deepdigits.__main__ import run
from deepdigits.core.precision import native_bf16
from deepdigits.training import settled
from deepdigits.training.classifier import LitClassifier

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

RUN = Path("lightning_logs/mlp/version_0")
TRAIN = ["train", "-c", "mlp", "--data.batch_size", "32", "--data.val_size", "60"]
TRAIN += ["--model.hidden_sizes", "[8]", "--trainer.max_epochs", "1"]
TRAIN += ["--trainer.log_every_n_steps", "4", "--mixed_precision", "auto"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(params=[True, False])
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    computes: bool = request.param
    monkeypatch.setattr(settled, "native_bf16", lambda device: computes)
    return computes


def lines(capsys: Capture) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("precision ")]


def test_it_follows_the_processor_and_a_resumed_run_keeps_it(
    native: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run(TRAIN)
    assert "Automatic Mixed Precision" not in caplog.text
    chosen = "bf16-mixed" if native else "32-true"
    assert len(said := lines(capsys)) == 1
    assert said[0].startswith(f"precision   {chosen}, as the processor ")
    assert yaml.safe_load((RUN / "config.yaml").read_text())["trainer"]["precision"] == chosen
    assert json.loads((RUN / "report.json").read_text())["precision"] == chosen
    monkeypatch.setattr(settled, "native_bf16", lambda device: not native)
    cli = run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "2"])
    assert cli.trainer.precision == chosen
    assert not lines(capsys)


def test_a_typed_precision_wins(native: bool, capsys: Capture) -> None:
    cli = run([*TRAIN, "--trainer.precision", "32-true"])
    assert cli.trainer.precision == "32-true"
    assert not lines(capsys)


def test_report_finds_what_the_test_of_a_bf16_training_found() -> None:
    run([*TRAIN, "--trainer.precision", "bf16-mixed"])
    before = json.loads((RUN / "report.json").read_text())
    run(["report", str(RUN)])
    after = json.loads((RUN / "report.json").read_text())
    assert after["loss"] == before["loss"]
    assert after["confusion_matrix"] == before["confusion_matrix"]


def test_the_training_is_in_bfloat16_and_the_test_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    dtypes: dict[str, set[torch.dtype]] = {}
    step = LitClassifier._step

    def noted(module: LitClassifier, *args: Any) -> Any:
        loss, logits = step(module, *args)
        dtypes.setdefault(module.trainer.state.stage.value, set()).add(logits.dtype)
        return loss, logits

    monkeypatch.setattr(LitClassifier, "_step", noted)
    cli = run([*TRAIN, "--trainer.precision", "bf16-mixed"])
    assert (dtypes["train"], dtypes["test"]) == ({torch.bfloat16}, {torch.float32})
    assert {p.dtype for p in cli.model.parameters()} == {torch.float32}


def test_native_bf16_reads_the_features_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for features, expected in (
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx512_f": True}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=features: found)
        assert native_bf16(torch.device("cpu")) is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert native_bf16(torch.device("cpu")) is False
