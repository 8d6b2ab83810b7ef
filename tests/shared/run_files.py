"""What tests of trainings read of a run folder, and of the error of a command line."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError


def weights(folder: Path) -> dict[str, Tensor]:
    """The last weights of a run, by name."""
    content = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    state: dict[str, Tensor] = content["state_dict"]
    return state


def error_line(args: list[str]) -> str:
    """The one-line error of a command line, which must fail."""
    with pytest.raises(InputError) as caught:
        run(args)
    assert str(caught.value).isprintable()
    return str(caught.value)
