"""The nets: size, shapes and invalid settings."""

import pytest
import torch
from torch import nn

from deepdigits.models import CNN, MLP
from deepdigits.models.layers import Normalize

NETS = pytest.mark.parametrize("make", [MLP, CNN])


def num_parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_default_nets_have_the_documented_size() -> None:
    assert num_parameters(MLP()) == 109_770
    assert num_parameters(CNN()) == 1_056_178
    # The usual net: weights and biases of 784-128-64-10.
    assert num_parameters(MLP(norm=False)) == 785 * 128 + 129 * 64 + 65 * 10


@NETS
@pytest.mark.parametrize("num_classes", [10, 47])
def test_one_logit_per_class_for_each_image(make: type[nn.Module], num_classes: int) -> None:
    net = make(num_classes=num_classes).eval()
    images = torch.rand(3, 1, 28, 28)
    together = net(images)
    assert together.shape == (3, num_classes)
    alone = torch.cat([net(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@NETS
@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 3, 28, 28), (2, 1, 32, 32), (2, 784)])
def test_a_wrong_shape_is_an_error_with_the_expected_one(
    make: type[nn.Module], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected \(batch, 1, 28, 28\)") as caught:
        make()(torch.rand(shape))
    assert str(shape) in str(caught.value)


def test_normalised_pixels_of_mnist_have_mean_0_and_deviation_1(tiny_arrays) -> None:  # type: ignore[no-untyped-def]
    pixels = torch.from_numpy(tiny_arrays["train-images-idx3-ubyte"]).unsqueeze(1) / 255
    layer = Normalize(mean=pixels.mean().item(), std=pixels.std().item())
    normal = layer(pixels)
    assert normal.mean().item() == pytest.approx(0, abs=1e-4)
    assert normal.std().item() == pytest.approx(1, abs=1e-4)


@NETS
def test_normalization_is_part_of_the_net_but_not_of_its_weights(make: type[nn.Module]) -> None:
    net = make().eval()
    first = next(m for m in net.modules() if not list(m.children()))
    assert isinstance(first, Normalize)
    assert not [name for name in net.state_dict() if "normalize" in name]
    images = torch.rand(4, 1, 28, 28)
    before = net(images)
    first.mean += 0.2
    torch.testing.assert_close(net(images + 0.2), before, rtol=1e-3, atol=1e-4)


def test_mlp_without_hidden_layers_is_linear() -> None:
    net = MLP(hidden_sizes=[])
    assert num_parameters(net) == 7850
    a, b = torch.rand(2, 5, 1, 28, 28)
    mean = net((a + b) / 2)
    torch.testing.assert_close(mean, (net(a) + net(b)) / 2)


def test_mlp_has_norm_and_dropout() -> None:
    kinds = [type(m) for m in MLP(hidden_sizes=[8], dropout=0.4, norm=False).modules()]
    assert nn.BatchNorm1d not in kinds
    torch.manual_seed(0)
    net, images = MLP(hidden_sizes=[64], dropout=0.4, norm=False), torch.rand(1, 1, 28, 28)
    assert not torch.equal(net(images), net(images))
    net.eval()
    assert torch.equal(net(images), net(images))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": [8], "kernel_sizes": [3, 3]}, "of the same length"),
        ({"channels": [], "kernel_sizes": []}, "one stage or more"),
        ({"channels": [4] * 4, "kernel_sizes": [7, 7, 7, 3]}, "use fewer stages, smaller"),
        ({"channels": [4, 0], "kernel_sizes": [3, 3]}, r"channels is \[4, 0\]"),
        ({"hidden_size": 0}, r"hidden_size is \[0\]"),
        ({"channels": [4, 4], "kernel_sizes": [3, 4]}, "kernel_sizes"),
    ],
)
def test_invalid_cnn_settings_are_errors(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CNN(**settings)(torch.rand(2, 1, 28, 28))  # type: ignore[arg-type]


def test_invalid_mlp_settings_are_errors() -> None:
    with pytest.raises(ValueError, match=r"hidden_sizes is \[128, -1\]"):
        MLP(hidden_sizes=[128, -1])


@pytest.mark.parametrize(
    ("channels", "kernel_sizes"), [([6], [3]), ([4, 8], [5, 5]), ([4, 6, 8, 10], [3, 3, 3, 1])]
)
def test_cnn_of_any_depth_works(channels: list[int], kernel_sizes: list[int]) -> None:
    net = CNN(channels=channels, kernel_sizes=kernel_sizes, hidden_size=16)
    assert net(torch.rand(4, 1, 28, 28)).shape == (4, 10)
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == channels


@NETS
def test_half_precision_net_takes_float_images(make: type[nn.Module]) -> None:
    net = make().to(torch.bfloat16).eval()
    assert net(torch.rand(2, 1, 28, 28)).dtype == torch.bfloat16


@NETS
def test_shift_tta_averages_five_views_in_evaluation_only(make: type[nn.Module]) -> None:
    torch.manual_seed(0)
    plain = make()
    net = make(shift_tta=True)
    net.load_state_dict(plain.state_dict())
    images = torch.rand(3, 1, 28, 28)
    views = [images]
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        view = images.roll((down, right), dims=(2, 3))  # only background rolls over the border
        if down:
            view[:, :, 0 if down == 1 else -1] = 0
        if right:
            view[:, :, :, 0 if right == 1 else -1] = 0
        views.append(view)
    mean = torch.stack([plain.eval()(view) for view in views]).mean(dim=0)
    torch.testing.assert_close(net.eval()(images), mean)
    torch.manual_seed(1)
    once = net.train()(images)
    torch.manual_seed(1)
    torch.testing.assert_close(once, plain.train()(images), rtol=0, atol=0)


def test_cnn_without_hidden_layer_takes_the_mean_of_each_map() -> None:
    net = CNN(channels=[4, 8], kernel_sizes=[3, 3], hidden_size=None, dropout=0).eval()
    images = torch.rand(3, 1, 28, 28)
    maps = net.features(net.normalize(images))
    torch.testing.assert_close(net(images), net.head(maps.mean(dim=(2, 3))))
    assert [tuple(p.shape) for p in net.head.parameters()] == [(10, 8), (10,)]
