"""Shift TTA: the cascade equals all five where a net is unsure, and one pass where it is sure."""

import pytest
import torch
from torch import Tensor

from deepdigits.models import CNN, MLP
from deepdigits.models.shift_tta import is_unclear, mean_over_shifts, with_shift_tta


@pytest.fixture
def net() -> CNN:
    torch.manual_seed(0)
    net = CNN(channels=[4, 8], kernel_sizes=[5, 3], hidden_size=16)
    return net.eval().requires_grad_(False)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(40, 1, 28, 28)


def test_each_image_gets_the_mean_of_five_or_its_own_logits(net: CNN, images: Tensor) -> None:
    once, five = net(images), with_shift_tta(net, True)(images)
    below = float(once.softmax(dim=1).amax(dim=1).median()) + 1e-6
    unclear = is_unclear(once, below)
    assert 0 < unclear.sum() < 40
    cascade = with_shift_tta(net, below)(images)
    torch.testing.assert_close(cascade[unclear], five[unclear])
    assert torch.equal(cascade[~unclear], once[~unclear])
    assert not torch.isclose(once, five).all(dim=1).any()


@pytest.mark.parametrize("below", [0.0, 1.0])
def test_the_ends_are_one_pass_and_all_five(below: float, net: CNN, images: Tensor) -> None:
    expected = with_shift_tta(net, bool(below))(images)
    torch.testing.assert_close(with_shift_tta(net, below)(images), expected)


def test_order_and_size_of_a_batch_do_not_matter(net: CNN, images: Tensor) -> None:
    once = net(images)
    cascade = with_shift_tta(net, float(once.softmax(dim=1).amax(dim=1).median()))
    together = cascade(images)
    torch.testing.assert_close(cascade(images.flip(0)).flip(0), together)
    alone = torch.cat([cascade(image[None]) for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_a_clear_batch_is_one_pass_and_the_copies_are_one_batch() -> None:
    sizes = []

    def sure(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return torch.tensor([[9.0, 0.0]]).expand(len(images), 2)

    mean_over_shifts(sure, torch.rand(30, 1, 28, 28), below=0.9)
    mean_over_shifts(sure, torch.rand(30, 1, 28, 28))
    mean_over_shifts(sure, torch.rand(3, 1, 28, 28), below=1.0)
    mean_over_shifts(sure, torch.rand(300, 1, 28, 28), below=1.0)
    assert sizes == [30, 150, 3, 12, 300, 300, 300, 300, 300]  # never more memory than 300 take


def test_no_cascade_while_training(net: CNN, images: Tensor) -> None:
    torch.manual_seed(1)
    once = net.train()(images)
    torch.manual_seed(1)
    assert torch.equal(with_shift_tta(net, 1.0).train()(images), once)


@pytest.mark.parametrize("make", [MLP, CNN])
@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), "yes"])
def test_another_value_is_an_error(make: type, value: object) -> None:
    with pytest.raises(ValueError, match=r"shift_tta is .*, expected true, false, or a confidence"):
        make(shift_tta=value)
