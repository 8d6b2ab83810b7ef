"""Configs of tiny trainings."""

from pathlib import Path

import pytest

TINY = """\
model:
  class_path: LitMLP
  init_args:
    hidden_sizes: [8]
    dropout: 0.1
data:
  batch_size: 64
  val_size: {val_size}
  augment:
    degrees: 5
"""


@pytest.fixture
def tiny_config(tmp_path: Path, tiny_digits: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.format(val_size=40))
    return str(path)


@pytest.fixture
def tiny_config_without_validation(tmp_path: Path, tiny_digits: Path) -> str:
    path = tmp_path / "whole.yaml"
    path.write_text(TINY.format(val_size=0))
    return str(path)
