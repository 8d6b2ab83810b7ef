"""The stages of the CNN and the size of their feature maps."""

from typing import Any

import pytest
import torch
from torch import nn

from deepdigits.models import CNN


def features(net: CNN) -> torch.Size:
    return net.features(torch.rand(2, 1, 28, 28)).shape


def test_pool_in_all_stages_but_the_last_is_the_default() -> None:
    torch.manual_seed(0)
    default = CNN(channels=[2, 4, 6], kernel_sizes=[5, 3, 3])
    torch.manual_seed(0)
    named = CNN(channels=[2, 4, 6], kernel_sizes=[5, 3, 3], downsample=["pool", "pool", "keep"])
    assert str(default) == str(named)
    torch.testing.assert_close(default.state_dict(), named.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("modes", "side"),
    [
        (["keep", "keep"], 28),
        (["pool", "keep"], 12),  # (28 - 4) / 2
        (["stride", "keep"], 12),
        (["stride", "pool"], 5),  # (12 - 2) / 2
        (["stride", "stride"], 5),
        (["pool", "pool"], 5),
    ],
)
def test_each_stage_downsamples_as_set(modes: list[str], side: int) -> None:
    net = CNN(channels=[2, 4], kernel_sizes=[5, 3], downsample=modes)  # type: ignore[arg-type]
    assert features(net) == (2, 4, side, side)
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    assert sum(isinstance(m, nn.MaxPool2d) for m in net.modules()) == modes.count("pool")


def test_stride_of_an_odd_map() -> None:
    net = CNN(channels=[2, 4, 6], kernel_sizes=[5, 3, 3], downsample=["stride", "pool", "stride"])
    assert features(net) == (2, 6, 2, 2)  # 28, 12, 5, then ceil((5 - 2) / 2)
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_a_crop_leaves_out_the_border() -> None:
    net = CNN(channels=[2, 4], kernel_sizes=[5, 3], downsample=["pool", "keep"], crop=3).eval()
    assert features(net)[2] == 12 and net.hidden[1].in_features == 4 * 9 * 9  # (28 - 6 - 4) / 2
    images = torch.rand(2, 1, 28, 28)
    border = images.clone()
    border[:, :, 3:-3, 3:-3] = 0
    with torch.no_grad():
        torch.testing.assert_close(net(images), net(images - border), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("crop", "message"),
    [(-1, "crop is -1"), (14, "0 to 13"), (True, "True"), (2.0, "2.0"), (13, "crop 13 reduce")],
)
def test_an_impossible_crop_is_an_error(crop: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CNN(channels=[2], kernel_sizes=[3], downsample=["stride"], crop=crop)


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        (["pool"], "downsample .*of the same length"),
        (["pool", "melt"], "downsample has melt, expected any of pool, stride, keep"),
    ],
)
def test_invalid_downsample_is_an_error(modes: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CNN(channels=[2, 4], kernel_sizes=[5, 3], downsample=modes)  # type: ignore[arg-type]
