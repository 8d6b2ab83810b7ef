"""Random distortion of training images, a pure function of a seed.

Every draw is a row of a table that the seed determines, so a batch can be repeated, and dealt out
to any number of processes, without a change in any picture.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from deepdigits.data.warp import affine_theta, elastic_field, warp

RANGES = {
    "degrees": (0, 180),
    "translate": (0, 1),
    "scale": (0, 0.9),
    "shear": (0, 1),
    "elastic_alpha": (0, 1000),
    "elastic_sigma": (0.5, 100),
}


def elastic_noise(n: int, generator: Generator, side: int = 28) -> Tensor:
    """Uniform noise (n, 2, side, side) in all of int8, on the CPU; row i depends on i alone.

    Random bytes cost an eighth of random floats, and 256 levels vanish in the smoothing.

    >>> elastic_noise(3, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2, 28, 28])
    """
    num_bytes = 2 * side * side
    words = torch.empty(n, (num_bytes + 7) // 8, dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int8)[:, :num_bytes].view(n, 2, side, side)


@dataclass(frozen=True)
class Augment:
    """Random affine and elastic distortion of training images; every strength of 0 is off.

    Each image gets draws of its own, uniform within the strengths.

    Args:
        degrees: Largest rotation to either side, in degrees, 0 to 180.
        translate: Largest shift in x and in y, as a fraction of the image side, 0 to 1.
        scale: Largest deviation from 1 of the scale factors of x and of y, 0 to 0.9.
        shear: Largest slant to either side, as a tangent, 0 to 1.
        elastic_alpha: Strength of the elastic distortion (Simard et al. 2003), in pixels before
            smoothing, 0 to 1000; 34 is theirs.
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
        """Refuse what is out of range (and nan, which compares as neither)."""
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"augmentation: {name} is {value}, expected {low} to {high}")

    @property
    def active(self) -> bool:
        """Whether any strength is above 0."""
        return self._moves or self.elastic_alpha > 0

    @property
    def _moves(self) -> bool:
        return any((self.degrees, self.translate, self.scale, self.shear))

    def __call__(self, images: Tensor, seed: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """The images (B, C, side, side), floats in [0, 1], distorted as the seed determines.

        Of several processes each holds `global_batch[rank::world_size]`, and image i of the global
        batch gets draw i whoever holds it. The draws come from the CPU, the same for any device.

        Args:
            images: This process' part of the batch, on any device.
            seed: Determines the draws; a new one for every batch, distinct modulo 2**32.
            rank: Number of this process.
            world_size: Number of processes.
        """
        generator = torch.Generator().manual_seed(seed)
        # A stream of its own, so that neither the size of the batch nor a strength disturbs it.
        elastic = torch.Generator().manual_seed(int(torch.randint(2**32, (), generator=generator)))
        total, mine = len(images) * world_size, slice(rank, None, world_size)
        theta = displacement = None
        if self._moves:
            theta = self._affine_draws(total, generator)[mine]
            # Not to wait for the device, which is still busy with the step before.
            theta = theta.to(images.device, non_blocking=True)
        if self.elastic_alpha > 0:
            noise = elastic_noise(total, elastic, images.shape[-1])[mine]
            noise = noise.to(images.device, non_blocking=True)
            displacement = elastic_field(noise, self.elastic_alpha, self.elastic_sigma)
        return warp(images, theta, displacement) if self.active else images

    def _affine_draws(self, n: int, generator: Generator) -> Tensor:
        """Sampling matrices (n, 2, 3); row i depends on the generator and i alone."""
        translate, scale = [self.translate] * 2, [self.scale] * 2
        strengths = torch.tensor([self.degrees, *translate, *scale, self.shear])
        # torch.rand fills in order; torch.randn does not, and would break that promise.
        draws = strengths * (2 * torch.rand(n, 6, generator=generator) - 1)
        return affine_theta(draws[:, 0], draws[:, 1:3], 1 + draws[:, 3:5], draws[:, 5])
