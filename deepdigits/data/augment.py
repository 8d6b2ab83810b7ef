"""Random distortion of training images, a pure function of a seed."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from deepdigits.data.warp import affine_theta, elastic_cells, elastic_field, warp

RANGES = {
    "degrees": (0, 180),
    "translate": (0, 1),
    "scale": (0, 0.9),
    "shear": (0, 1),
    "elastic_alpha": (0, 1000),
    "elastic_sigma": (0.5, 100),
}


class Draws(NamedTuple):
    """The random values that distort some images.

    Attributes:
        theta: Sampling matrices (n, 2, 3) of `affine_theta`; None: no affine distortion.
        noise: int8 (n, 2, cells, cells) for `elastic_field`; None: no elastic distortion.
    """

    theta: Tensor | None
    noise: Tensor | None

    def rows(self, rows: slice) -> "Draws":
        """The values of some of the images."""
        return Draws(*(None if values is None else values[rows] for values in self))

    def to(self, device: torch.device) -> "Draws":
        """The values on a device."""
        # non_blocking: do not wait for the device, which still computes the previous step.
        return Draws(*(None if v is None else v.to(device, non_blocking=True) for v in self))


def elastic_noise(n: int, generator: Generator, cells: int) -> Tensor:
    """Uniform int8 noise (n, 2, cells, cells), on the CPU; row i does not depend on n.

    Random bytes take an eighth of the time of random floats, and the smoothing that follows hides
    that there are only 256 levels.

    >>> elastic_noise(3, torch.Generator().manual_seed(0), 7).shape
    torch.Size([3, 2, 7, 7])
    """
    num_bytes = 2 * cells * cells
    words = torch.empty(n, (num_bytes + 7) // 8, dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int8)[:, :num_bytes].view(n, 2, cells, cells)


@dataclass(frozen=True)
class Augment:
    """Random affine and elastic distortion of training images.

    Each image gets its own random values, uniform within the given limits; a limit of 0 turns a
    distortion off.

    Args:
        degrees: Maximum rotation in both directions, in degrees, 0 to 180.
        translate: Maximum shift in x and in y, as a fraction of the image side, 0 to 1.
        scale: Maximum difference from 1 of the scale factors of x and of y, 0 to 0.9: with 0.1 they
            are between 0.9 and 1.1.
        shear: Maximum slant in both directions, as the tangent of the angle, 0 to 1.
        elastic_alpha: Strength of the elastic distortion (Simard et al. 2003), in pixels before
            smoothing, 0 to 1000; that paper uses 34.
        elastic_sigma: Smoothness of the elastic distortion, in pixels, 0.5 to 100.

    Raises:
        ValueError: A value is outside its range.
    """

    degrees: float = 0.0
    translate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic_alpha: float = 0.0
    elastic_sigma: float = 4.0

    def __post_init__(self) -> None:
        """Check the ranges; nan is out of range too."""
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"augmentation: {name} is {value}, expected {low} to {high}")

    @property
    def active(self) -> bool:
        """Whether any distortion is on."""
        return self._is_affine or self.elastic_alpha > 0

    @property
    def _is_affine(self) -> bool:
        return any((self.degrees, self.translate, self.scale, self.shear))

    def draw(self, n: int, seed: int, side: int = 28) -> Draws:
        """Draw the random values of n images of side x side pixels; row i does not depend on n.

        The values are drawn on the CPU, so they are the same for any device.
        """
        generator = torch.Generator().manual_seed(seed)
        # A separate generator: the noise must not depend on the number of affine values.
        elastic = torch.Generator().manual_seed(int(torch.randint(2**32, (), generator=generator)))
        theta = self._affine_draws(n, generator) if self._is_affine else None
        if self.elastic_alpha == 0:
            return Draws(theta, None)
        return Draws(theta, elastic_noise(n, elastic, elastic_cells(side, self.elastic_sigma)))

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Distort images.

        Args:
            images: Floats in [0, 1], (B, C, side, side).
            draws: The random values of each of them, on the same device.
        """
        theta, displacement = draws.theta, None
        if draws.noise is not None:
            side = images.shape[-1]
            displacement = elastic_field(draws.noise, side, self.elastic_alpha, self.elastic_sigma)
        if theta is None and displacement is None:
            return images
        return warp(images, theta, displacement)

    def _affine_draws(self, n: int, generator: Generator) -> Tensor:
        """Random sampling matrices (n, 2, 3); row i does not depend on n."""
        translate, scale = [self.translate] * 2, [self.scale] * 2
        limits = torch.tensor([self.degrees, *translate, *scale, self.shear])
        # torch.rand fills its rows in order; torch.randn does not.
        draws = limits * (2 * torch.rand(n, 6, generator=generator) - 1)
        return affine_theta(draws[:, 0], draws[:, 1:3], 1 + draws[:, 3:5], draws[:, 5])
