"""The augmentation: a pure function of the seed, on any number of processes."""

import math

import pytest
import torch
from torch import Tensor

from deepdigits.data.augment import Augment, elastic_noise

AFFINE = Augment(degrees=10, translate=0.07, scale=0.1, shear=0.15)
ELASTIC = Augment(elastic_alpha=34)
BOTH = Augment(degrees=10, translate=0.07, scale=0.1, shear=0.15, elastic_alpha=34)
ALL = pytest.mark.parametrize("augment", [AFFINE, ELASTIC, BOTH], ids=["affine", "elastic", "both"])


def distorted(augment: Augment, images: Tensor, seed: int) -> Tensor:
    return augment(images, augment.draw(len(images), seed, images.shape[-1]))


def strokes(n: int, side: int = 28) -> Tensor:
    """Images (n, 1, side, side) of an arc and a bar, each of a different radius and place."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    which = torch.arange(n).view(-1, 1, 1)
    radius = ((x - 13) ** 2 + (y - 12) ** 2).sqrt() - 5 - which % 4
    bar = (x - 9 - which % 7).abs() + 0.3 * (y - 14).clamp(0)
    return (1.5 - torch.minimum(radius.abs(), bar)).clamp(0, 1).unsqueeze(1)


@ALL
def test_a_seed_determines_the_images(augment: Augment) -> None:
    images = strokes(16)
    torch.testing.assert_close(
        distorted(augment, images, 3), distorted(augment, images, 3), rtol=0, atol=0
    )
    changed = (
        (distorted(augment, images, 3) - distorted(augment, images, 4)).abs().amax(dim=(1, 2, 3))
    )
    assert (changed > 0.05).all()


@ALL
def test_copies_of_one_image_come_out_different(augment: Augment) -> None:
    out = distorted(augment, strokes(1).expand(16, 1, 28, 28), 0).flatten(1)
    distances = torch.cdist(out, out) + 9 * torch.eye(16)
    assert distances.min() > 0.5


@ALL
@pytest.mark.parametrize(("batch", "world_size"), [(64, 2), (63, 2), (65, 4), (3, 2)])
def test_several_processes_get_the_images_of_one(
    augment: Augment, batch: int, world_size: int
) -> None:
    images, draws = strokes(batch), augment.draw(100, seed=11)
    alone = augment(images, draws.rows(slice(batch)))
    for rank in range(world_size):
        own = slice(rank, batch, world_size)
        torch.testing.assert_close(augment(images[own], draws.rows(own)), alone[own])


@ALL
def test_an_image_does_not_depend_on_the_batch_size(augment: Augment) -> None:
    images = strokes(50)
    torch.testing.assert_close(
        distorted(augment, images, 1)[:20], distorted(augment, images[:20], 1), rtol=0, atol=1e-5
    )


def test_elastic_noise_does_not_depend_on_the_affine_limits() -> None:
    images, faint = strokes(8), Augment(degrees=1e-6, elastic_alpha=34)
    torch.testing.assert_close(
        distorted(faint, images, 5), distorted(ELASTIC, images, 5), rtol=0, atol=1e-5
    )


@ALL
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_dtype_range_and_input_are_kept(augment: Augment, dtype: torch.dtype) -> None:
    images = strokes(12).to(dtype)
    before = images.clone()
    out = distorted(augment, images, 0)
    assert out.shape == images.shape and out.dtype == dtype
    assert out.min() >= 0 and out.max() <= 1
    assert out.max() > 0.9, "the strokes are still there"
    assert torch.equal(images, before)


@ALL
def test_global_random_state_is_neither_read_nor_changed(augment: Augment) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    out = distorted(augment, strokes(4), 9)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(distorted(augment, strokes(4), 9), out)


def test_without_distortions_the_images_stay_the_same() -> None:
    images = strokes(4)
    assert not Augment(elastic_sigma=2).active
    assert distorted(Augment(), images, 0) is images


@pytest.mark.parametrize("name", ["degrees", "translate", "scale", "shear", "elastic_alpha"])
def test_each_distortion_alone_changes_the_images(name: str) -> None:
    augment = Augment(**{name: 20.0 if name in ("degrees", "elastic_alpha") else 0.2})
    images = strokes(8)
    assert augment.active
    assert ((distorted(augment, images, 0) - images).abs().amax(dim=(1, 2, 3)) > 0.02).all()


def test_translations_fill_their_range() -> None:
    """The centre of mass of one dot: the shift is uniform within the limit, in x and in y."""
    images = torch.zeros(2000, 1, 28, 28)
    images[:, :, 13:15, 13:15] = 1
    out = distorted(Augment(translate=0.1), images, 0)[:, 0]
    place = torch.arange(28) - 13.5
    mass = out.sum(dim=(1, 2))
    for axis in (1, 2):
        centre = (out.sum(dim=axis) * place).sum(dim=1) / mass
        assert 2.75 < centre.max() <= 2.801 and -2.801 <= centre.min() < -2.75
        assert centre.mean().abs() < 0.15
        assert centre.std().item() == pytest.approx(2.8 / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize("cells", [28, 7, 5])
def test_noise_is_uniform_over_all_bytes(cells: int) -> None:
    noise = elastic_noise(4000, torch.Generator().manual_seed(0), cells)
    assert noise.shape == (4000, 2, cells, cells)
    expected = noise.numel() / 256
    counts = torch.bincount(noise.flatten().int() + 128, minlength=256)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert 170 < chi_square < 350  # 255 degrees of freedom, sd 22.6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("degrees", -1.0),
        ("degrees", 181.0),
        ("translate", -0.1),
        ("translate", 1.1),
        ("scale", 1.0),
        ("shear", -0.1),
        ("elastic_alpha", -1.0),
        ("elastic_alpha", math.nan),
        ("elastic_alpha", math.inf),
        ("elastic_sigma", 0.0),
    ],
)
def test_a_value_out_of_range_is_an_error_with_its_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} is {value}, expected \S+ to \S+$"):
        Augment(**{name: value})
