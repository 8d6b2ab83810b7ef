"""The geometry of the augmentation, against torch.rot90, padding, torchvision and scipy."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torchvision.transforms import functional as reference

from deepdigits.data.warp import affine_theta, elastic_cells, elastic_field, warp


def picture(n: int = 3, side: int = 28) -> Tensor:
    """Blots (n, 1, side, side) that reach the border, where the background matters."""
    noise = torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1)


def move(
    images: Tensor,
    degrees: float = 0.0,
    translate: tuple[float, float] = (0.0, 0.0),
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
) -> Tensor:
    """The same transform for all images; translate is in pixels."""
    ones = torch.ones(len(images), 1)
    theta = affine_theta(
        degrees * ones[:, 0],
        torch.tensor([translate]) / images.shape[-1] * ones,
        torch.tensor([scale]) * ones,
        shear * ones[:, 0],
    )
    return warp(images, theta)


def smooth_noise(n: int = 2, side: int = 28) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(-128, 128, (n, 2, side, side), dtype=torch.int8, generator=generator)


@pytest.mark.parametrize("side", [5, 28])
def test_identity_is_exact(side: int) -> None:
    images = picture(side=side)
    for same in (
        warp(images),
        move(images),
        warp(images, displacement=torch.zeros(3, 2, side, side)),
    ):
        torch.testing.assert_close(same, images, rtol=0, atol=2e-6)


@pytest.mark.parametrize("quarters", [-1, 1, 2])
def test_positive_degrees_turn_counter_clockwise(quarters: int) -> None:
    images = picture()
    turned = torch.rot90(images, quarters, dims=(2, 3))
    torch.testing.assert_close(move(images, degrees=90.0 * quarters), turned, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 2), (-4, 5)])
def test_whole_pixel_shift_is_padding(right: int, down: int) -> None:
    images = picture()
    padded = torch.nn.functional.pad(images, (right, -right, down, -down))
    torch.testing.assert_close(move(images, translate=(right, down)), padded, rtol=0, atol=1e-5)
    away = -torch.tensor([right, down]).view(1, 2, 1, 1).expand(3, 2, 28, 28).float()
    torch.testing.assert_close(warp(images, displacement=away), padded, rtol=0, atol=1e-5)


def test_scale_above_one_enlarges_about_the_centre() -> None:
    square = torch.zeros(1, 1, 28, 28)
    square[:, :, 11:17, 11:17] = 1
    grown = move(square, scale=(2.0, 1.0))
    assert grown.sum().item() == pytest.approx(72, rel=1e-5)
    torch.testing.assert_close(grown, grown.flip(3))
    assert grown[0, 0, :, 13].sum().item() == pytest.approx(6)


def test_matches_torchvision() -> None:
    images = picture()
    ours = move(images, degrees=-17.0, translate=(2.0, -3.0), scale=(0.8, 0.8))
    bilinear = reference.InterpolationMode.BILINEAR
    theirs = reference.affine(images, 17.0, [2, -3], 0.8, [0.0, 0.0], interpolation=bilinear)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_matches_scipy_with_all_movements() -> None:
    """Scale, shear, rotate about the centre, translate, as a product of matrices."""
    images = picture()
    ours = move(images, degrees=25.0, translate=(1.5, -2.25), scale=(1.2, 0.9), shear=0.3)
    cos, sin = np.cos(np.pi * 25 / 180), np.sin(np.pi * 25 / 180)
    turn = np.array([[cos, sin], [-sin, cos]])  # x right and y down
    forward = turn @ np.array([[1, 0.3], [0, 1]]) @ np.diag([1.2, 0.9])
    inverse = np.linalg.inv(forward)[::-1, ::-1]  # scipy has rows first
    offset = 13.5 - inverse @ (np.array([-2.25, 1.5]) + 13.5)
    for image, moved in zip(images[:, 0], ours[:, 0], strict=True):
        theirs = ndimage.affine_transform(
            image.double().numpy(), inverse, offset, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(moved.numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize(("sigma", "side"), [(4.0, 28), (1.5, 28), (8.0, 11)])
def test_elastic_smoothing_matches_scipy(sigma: float, side: int) -> None:
    noise = smooth_noise(side=side)
    ours = elastic_field(noise, side, alpha=34.0, sigma=sigma)
    uniform = (noise.double().numpy() + 0.5) / 127.5
    theirs = 34 * ndimage.gaussian_filter(uniform, (0, 0, sigma, sigma), mode="constant")
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4)


@pytest.mark.parametrize("sigma", [3.0, 4.0, 5.0])
def test_noise_of_cells_makes_the_field_of_noise_of_pixels(sigma: float) -> None:
    """The covariances of the displacements of two pixels, which determine a Gaussian field."""
    cells = elastic_cells(28, sigma)
    assert cells <= 28 / sigma + 1
    fields = []
    for number in (cells, 28):
        noise = torch.randint(-128, 128, (8000, 2, number, number), dtype=torch.int8)
        fields.append(elastic_field(noise, 28, alpha=34.0, sigma=sigma)[:, 0, 4::5, 4::5])
    coarse, fine = (torch.cov(field.flatten(1).T) for field in fields)
    torch.testing.assert_close(coarse, fine, rtol=0, atol=0.06 * float(fine.max()))


def test_elastic_field_is_linear_in_alpha_and_unbiased() -> None:
    noise = torch.randint(-128, 128, (4000, 2, 7, 7), dtype=torch.int8)
    field = elastic_field(noise, 28, alpha=34.0, sigma=4.0)
    assert field.mean().abs() < 0.03
    assert field[:, :, 13:15, 13:15].std().item() == pytest.approx(34 / (6.1 * 4), rel=0.05)
    torch.testing.assert_close(elastic_field(noise, 28, 17.0, 4.0), field / 2)
    images = picture(400)
    still = warp(images, displacement=elastic_field(noise[:400], 28, alpha=0.0, sigma=4.0))
    torch.testing.assert_close(still, images, rtol=0, atol=2e-6)


def test_one_pass_equals_rotation_and_displacement() -> None:
    """With a whole-pixel displacement the single pass equals two passes, inside the border."""
    images = torch.nn.functional.pad(picture(side=16), (6, 6, 6, 6))
    displacement = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(3, 2, 28, 28)
    ones = torch.ones(3)
    theta = affine_theta(12 * ones, torch.zeros(3, 2), torch.ones(3, 2), 0 * ones)
    once = warp(images, theta, displacement)
    twice = warp(warp(images, displacement=displacement), theta)
    torch.testing.assert_close(once, twice, rtol=0, atol=1e-5)


def test_full_images_stay_within_one() -> None:
    turned = move(torch.ones(50, 1, 28, 28), degrees=33.0, scale=(1.03, 0.97))
    assert turned.max() <= 1 and turned.min() >= 0
