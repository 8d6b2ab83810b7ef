"""The geometry of a batch of square images: affine and elastic distortion in one interpolation.

Nothing here is random. x points right and y down; pixels outside the image are background (0).
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor


def affine_theta(degrees: Tensor, translate: Tensor, scale: Tensor, shear: Tensor) -> Tensor:
    """Sampling matrices of affine transforms, in the form of `torch.nn.functional.affine_grid`.

    The transform scales an image, then shears it, rotates it about its centre and translates it.
    The matrices are the inverse of it: they map each output pixel to its place in the input.

    Args:
        degrees: Rotation, counter-clockwise on the screen, (n,).
        translate: Shift to the right and down, in fractions of the side, (n, 2).
        scale: Factors of x and y; above 1 enlarges, (n, 2).
        shear: Shift to the right per pixel downwards (the tangent of the slant), (n,).

    Returns:
        Matrices (n, 2, 3), in coordinates from -1 to 1 across the image.

    >>> one = torch.ones(1)
    >>> affine_theta(0 * one, torch.tensor([[0.25, 0.5]]), torch.tensor([[2.0, 1.0]]), one)
    tensor([[[ 0.5000, -0.5000,  0.2500],
             [ 0.0000,  1.0000, -1.0000]]])
    """
    cos, sin = torch.cos(torch.deg2rad(degrees)), torch.sin(torch.deg2rad(degrees))
    unrotate_unshear = torch.stack([cos - shear * sin, -sin - shear * cos, sin, cos], dim=1)
    inverse = unrotate_unshear.view(-1, 2, 2) / scale.unsqueeze(2)
    offset = -2 * (inverse * translate.unsqueeze(1)).sum(dim=2, keepdim=True)
    return torch.cat([inverse, offset], dim=2)


def elastic_cells(side: int, sigma: float) -> int:
    """Cells in x and in y whose noise makes a smooth field of side x side pixels.

    A cell is no wider than sigma: smoothed, the noise of such cells cannot be told from noise of
    single pixels (its variance changes by less than 0.1 % between the cells), and it needs sigma
    squared times fewer random numbers.

    >>> elastic_cells(28, 4.0), elastic_cells(28, 0.5)
    (7, 28)
    """
    return min(side, math.ceil(side / sigma))


def elastic_field(noise: Tensor, side: int, alpha: float, sigma: float) -> Tensor:
    """The displacement field (n, 2, side, side) of Simard, Steinkraus and Platt (2003), in pixels.

    The noise is scaled to [-1, 1], smoothed by a Gaussian (cut off at 4 sigma, with zeros
    outside the image), and multiplied by alpha. Away from the border the standard deviation
    of a displacement is that of their noise of single pixels, about alpha / (6.1 * sigma): 1.4
    pixels at alpha 34, sigma 4.

    Args:
        noise: Uniform int8 (n, 2, cells, cells), see `elastic_cells`; [:, 0] becomes x, [:, 1] y.
        side: Pixels in x and in y.
        alpha: Factor of the smoothed noise, in pixels.
        sigma: Standard deviation of the Gaussian, in pixels.

    >>> full = torch.full((1, 2, 9, 9), 127, dtype=torch.int8)
    >>> elastic_field(full, 9, alpha=10.0, sigma=1.0)[0, 0, 4, :5].round(decimals=2)
    tensor([ 6.9900,  9.4100,  9.9500, 10.0000, 10.0000])
    """
    smooth = _smoothing(side, noise.shape[-1], sigma, noise.device)
    # Two products with a band matrix: ten times faster here than convolutions. The mean of -128 to
    # 127 is -0.5: without the 0.5 every image would drift in one direction.
    field: Tensor = smooth @ (noise.float().add_(0.5) @ (smooth.T * (alpha / 127.5)))
    return field


@cache
def _smoothing(side: int, cells: int, sigma: float, device: torch.device) -> Tensor:
    """The weight (side, cells) of the noise of each cell in each pixel."""
    width = side / cells
    centres = (torch.arange(cells) + 0.5) * width - 0.5
    distances = torch.arange(side).unsqueeze(1) - centres
    reach = int(4 * sigma + 0.5)
    total = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2).sum()
    # The sum of the squares, and so the variance of the field, is that of single pixels.
    weights = torch.exp(-0.5 * (distances / sigma) ** 2) * (distances.abs() <= reach)
    scaled: Tensor = weights * (width**0.5 / total)
    return scaled.to(device)


def warp(images: Tensor, theta: Tensor | None = None, displacement: Tensor | None = None) -> Tensor:
    """Resample images bilinearly: output pixel p is the input at theta(p) + displacement(p).

    Args:
        images: Floats (B, C, side, side); dtype and range stay the same.
        theta: Sampling matrices (B, 2, 3) of `affine_theta`. None: the identity.
        displacement: Displacement of the sampled place to the right (x) and down (y), in pixels,
            (B, 2, side, side); the content moves the opposite way. None: no displacement.

    >>> images = torch.eye(4).view(1, 1, 4, 4)
    >>> one_pixel_right = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    >>> warp(images, displacement=-one_pixel_right)[0, 0]
    tensor([[0., 1., 0., 0.],
            [0., 0., 1., 0.],
            [0., 0., 0., 1.],
            [0., 0., 0., 0.]])
    """
    side = images.shape[-1]
    if theta is None:
        theta = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
    centres = (2 * torch.arange(side, device=images.device) + 1) / side - 1
    columns = theta[:, :, 0:1] * centres
    rows = theta[:, :, 1:2] * centres + theta[:, :, 2:3]
    # A sum over rows and columns is 14 times faster than affine_grid on a CPU, and has no matrix
    # product, whose precision may be reduced on a GPU.
    grid = rows.unsqueeze(3) + columns.unsqueeze(2)
    if displacement is not None:
        grid = grid.add_(displacement, alpha=2 / side)
    grid = grid.permute(0, 2, 3, 1).to(images.dtype)
    return F.grid_sample(images, grid, align_corners=False)
