"""All that a command prints: nothing that a user cannot act on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIGS = Path(__file__).parents[2] / "configs"
SHORT = ["-c", CONFIGS / "mlp.yaml", "-c", CONFIGS / "trainer" / "debug.yaml"]
HEADER = "epoch  train loss  accuracy  val loss  accuracy  images/s  time left"
LINES = (
    r"\s*",
    rf" *{HEADER}",
    r" +\d/2( +[\d.,:%]+)+",
    r" class +precision +recall +F1 +support *",
    r" ─+ *",
    r" (\d|overall)( +\d\.\d{4}){3} +\d+ *",
    r"accuracy \d+\.\d\d%: \d+ errors in 4000",
    r"most confused: .*",
    r"(curves|report|confusion|mistakes|checkpoint) +lightning_logs/mlp/version_0/\S+",
    r"dashboard   tensorboard --logdir lightning_logs",
    r"more        deepdigits report lightning_logs/mlp/version_0 --split train",
)


def deepdigits(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deepdigits", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def unexpected(text: str) -> list[str]:
    return [line for line in text.splitlines() if not any(re.fullmatch(p, line) for p in LINES)]


def test_a_training_prints_its_epochs_its_report_and_its_files() -> None:
    done = deepdigits("train", *SHORT)
    assert done.stderr == ""
    assert unexpected(done.stdout) == []
    assert len([line for line in done.stdout.splitlines() if re.match(r" +\d/2 ", line)]) == 2


def test_another_line_would_be_found() -> None:
    assert unexpected("accuracy 99.00%: 40 errors in 4000\nGPU available: False") == [
        "GPU available: False"
    ]
