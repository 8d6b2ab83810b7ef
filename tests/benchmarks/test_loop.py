"""The three loops do the same work; no time is tested."""

from pathlib import Path

import pytest
import torch

from deepdigits.benchmarks.loop import BAREBONES, OURS, PLAIN, bench_loop, build, fit
from deepdigits.benchmarks.plain_pytorch import plain_pytorch_seconds

pytestmark = pytest.mark.usefixtures("blank_figures")


def test_all_loops_are_measured(tiny_config: str, tmp_path: Path) -> None:
    result = bench_loop(tiny_config, epochs=1, repeats=2)
    measurements = result.to_dict()
    assert set(measurements["seconds"]) == {OURS, BAREBONES, PLAIN}
    assert all(len(s) == 2 and min(s) > 0 for s in measurements["seconds"].values())
    assert measurements["ratio"][PLAIN][PLAIN] == measurements["ratio"][BAREBONES][BAREBONES] == 1
    assert not list(tmp_path.glob("lightning_logs*"))  # runs go into a temporary folder


def test_plain_pytorch_trains_to_the_weights_of_fit(tiny_config: str, tmp_path: Path) -> None:
    """So both loops have the same order, augmentation, dropout and schedule."""
    args = ["-c", tiny_config, "--trainer.max_epochs", "3"]
    ours, seconds = fit(args, str(tmp_path / "runs"))
    built = build(args)
    plain_pytorch_seconds(built, epochs=3)
    assert seconds > 0
    for name, weights in ours.model.net.state_dict().items():
        torch.testing.assert_close(built.model.net.state_dict()[name], weights, msg=name)


def test_loop_without_validation(tiny_config_without_validation: str) -> None:
    assert (
        bench_loop(tiny_config_without_validation, epochs=1, repeats=1).measurements["repeats"] == 1
    )


def test_fit_does_not_stop_early(tiny_config: str, tmp_path: Path) -> None:
    args = ["-c", tiny_config, "--trainer.max_epochs", "4", "--early_stopping.min_delta", "9"]
    done, _ = fit([*args, "--early_stopping.patience", "1"], str(tmp_path / "runs"))
    assert done.trainer.current_epoch == 4


def test_fit_leaves_warnings_and_logging_as_they_were(
    tiny_config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import logging
    import warnings

    before = logging.getLogger("lightning.pytorch").level, list(warnings.filters)
    fit(["-c", tiny_config, "--trainer.max_epochs", "1"], str(tmp_path / "runs"))
    assert (logging.getLogger("lightning.pytorch").level, list(warnings.filters)) == before
    assert capsys.readouterr().out == ""
