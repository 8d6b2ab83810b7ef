"""Extract the ink of a grey image: 1 on strokes, 0 on the page, for any page and pen."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Grey = NDArray[np.float32]

MIN_CONTRAST = 24.0  # grey levels (of 255) between page and ink; with less, a page is blank
MAX_SHADE = 3.0  # largest correction for light; a larger one would amplify noise
SMALL_SIDE = 32  # the page is estimated on an image shrunk to this size
FULL_INK = 95  # percentile of the ink's depth that counts as full ink; fewer pixels are specks


def extract_foreground(grey: Grey) -> Grey | None:
    """The amount of ink of each pixel, in [0, 1]; None if nothing contrasts with the page.

    1. Subtract light that varies smoothly over the page.
    2. Find the polarity: fewer pixels are ink than page.
    3. Estimate the page under dark ink by a grey closing wider than strokes, narrower than shadows.
    4. Divide the depth of the ink, above the noise, by that of full ink.

    Args:
        grey: Luminance in [0, 255], shape (H, W).

    >>> page = np.full((40, 40), 200, np.float32)
    >>> extract_foreground(page) is None
    True
    >>> page[5:35, 18:22] = 60
    >>> ink = extract_foreground(page)
    >>> round(float(ink[20, 20]), 2), round(float(ink[20, 5]), 2)
    (1.0, 0.0)
    >>> np.allclose(ink, extract_foreground(255 - page), atol=0.01)
    True
    """
    return foreground_and_polarity(grey)[0]


def foreground_and_polarity(
    grey: Grey, dark_on_light: bool | None = None
) -> tuple[Grey | None, bool]:
    """The ink of an image as `extract_foreground` has it, and whether it is darker than the page.

    Args:
        grey: Luminance in [0, 255], shape (H, W).
        dark_on_light: The polarity, if it is known; None: it is found.

    >>> page = np.full((40, 40), 60, np.float32)
    >>> page[5:35, 18:22] = 200
    >>> foreground_and_polarity(page)[1]
    False
    """
    light = estimate_illumination(grey)
    usual = np.median(light[::4, ::4])  # of a smooth surface a sixteenth is enough
    pen_is_dark = is_dark_on_light(grey - light) if dark_on_light is None else dark_on_light
    if pen_is_dark:  # black does not depend on the light, and is kept
        share = (usual + 16) / (light.clip(0) + 16)
        dark = grey * share.clip(1 / MAX_SHADE, MAX_SHADE)
    else:
        dark = 255 - (grey - light + usual)
    noise = noise_level(dark)
    if noise > 4:
        dark = ndimage.gaussian_filter(dark, min(2.0, noise / 8))
        noise = noise_level(dark)
    page = estimate_background(dark)
    depth = page - dark
    if pen_is_dark:  # compensate for the lower contrast of ink in a shadow
        depth *= np.clip(page.max() / page.clip(1), 1, MAX_SHADE)
    floor = max(8.0, 4 * noise)
    contrasting = depth[depth > floor]
    if not len(contrasting):
        return None, pen_is_dark
    full = float(np.percentile(contrasting, FULL_INK))
    if full < max(MIN_CONTRAST, 1.5 * floor):
        return None, pen_is_dark
    ink: Grey = np.clip((depth - floor / 2) / (full - floor / 2), 0, 1)
    return ink, pen_is_dark


def estimate_illumination(grey: Grey) -> Grey:
    """The smooth part of the light on a page, shape (H, W).

    A lens darkens the corners and a lamp lights one side. A surface of second degree is fitted to
    the page, repeatedly, each time without the pixels far from the last fit.

    Args:
        grey: Luminance in [0, 255], shape (H, W).

    >>> rows, columns = np.mgrid[-1:1:40j, -1:1:40j].astype(np.float32)
    >>> page = 220 - 40 * (rows**2 + columns**2)
    >>> page[18:22, 5:35] = 30
    >>> float(np.abs(estimate_illumination(page) - page)[:10].max().round())
    2.0
    """
    small = _resized(grey, _small_size(grey))
    values = small.ravel()
    terms = _second_degree(*small.shape)
    light = np.full_like(values, np.median(values))
    page = np.zeros(values.shape, dtype=bool)
    for _ in range(8):
        deviation = np.abs(values - light)
        before, page = page, deviation <= 3 * max(float(np.median(deviation)), 8 / 3)
        if np.array_equal(page, before):
            break  # the fit stays as it is
        light = terms @ _least_squares(terms[page], values[page])
    return _resized(light.reshape(small.shape), (grey.shape[1], grey.shape[0]))


def _least_squares(terms: Grey, values: Grey) -> Grey:
    """Coefficients (K,) of terms (N, K) that fit values (N,) best.

    By the normal equations, in float64: ten times as fast as of all N, for the few terms here.
    """
    wide = terms.astype(np.float64)
    fit = np.linalg.lstsq(wide.T @ wide, wide.T @ values, rcond=None)[0]
    return fit.astype(np.float32)


def _second_degree(height: int, width: int) -> Grey:
    """The terms of a surface of second degree at each pixel, (H * W, 6)."""
    rows, columns = np.indices((height, width), dtype=np.float32).reshape(2, -1)
    down, across = rows / height - 0.5, columns / width - 0.5
    terms = (np.ones_like(down), down, across, down**2, across**2, down * across)
    return np.stack(terms, axis=1).astype(np.float32)


def is_dark_on_light(grey: Grey) -> bool:
    """Whether the ink is darker than the page, by the third moment about the median-filtered page.

    >>> page = np.full((40, 40), 90, np.float32)
    >>> page[10:30, 18:22] = 250
    >>> is_dark_on_light(page), is_dark_on_light(255 - page)
    (False, True)
    """
    small = _resized(grey, _small_size(grey))
    side = max(3, min(small.shape) // 2 | 1, max(small.shape) // 3 | 1)
    # One axis after the other: fifty times faster than a square, and as good here.
    for size in ((1, side), (side, 1)):
        small = ndimage.median_filter(small, size, mode="nearest")
    deviation = grey - _resized(small, (grey.shape[1], grey.shape[0]))
    return float((deviation * deviation * deviation).sum()) <= 0


def estimate_background(dark: Grey) -> Grey:
    """The page without the dark ink on it, shape (H, W).

    A grey closing fills dark parts narrower than a third of the image. Shadows are wider and stay.
    Large filled shapes are wider too: they differ from shadows by their darkness, and because
    they do not reach the edge of the image.
    """
    small = _resized(dark, _small_size(dark))
    width = max(3, max(small.shape) // 3)
    page = ndimage.grey_closing(small, (width, width), mode="nearest")
    slope = _plane(page)  # subtracted: at the dark edge of a slope, a closing is too light
    page = ndimage.grey_closing(small - slope, (width, width), mode="nearest") + slope
    if float(np.ptp(page)) > MIN_CONTRAST:
        page = _without_shapes(page, small, float(dark.min()))
    page = ndimage.gaussian_filter(page, 1.0, mode="nearest")
    return _resized(page, (dark.shape[1], dark.shape[0]))


def _plane(grey: Grey) -> Grey:
    """The plane that fits an image best."""
    rows, columns = np.indices(grey.shape, dtype=np.float32).reshape(2, -1)
    terms = np.stack([np.ones_like(rows), rows, columns], axis=1)
    fit: Grey = terms @ _least_squares(terms, grey.ravel())
    return fit.reshape(grey.shape)


def _without_shapes(page: Grey, small: Grey, darkest: float) -> Grey:
    """Fill the basins of the page (dark areas off the edge) that are nearly as dark as the ink."""
    level = np.full_like(page, page.max())
    level[[0, -1]], level[:, [0, -1]] = page[[0, -1]], page[:, [0, -1]]
    while True:  # reconstruction by erosion: as if water ran off over the edge
        lower = np.maximum(ndimage.minimum_filter(level, 3), page)
        if np.array_equal(lower, level):
            break
        level = lower
    basins, number = ndimage.label(level - page > MIN_CONTRAST / 2)
    share = (level - small) / (level - darkest).clip(MIN_CONTRAST)
    depth = ndimage.median(share, basins, range(1, number + 1))
    shapes = 1 + np.flatnonzero(np.asarray(depth) > 0.7)
    return np.where(np.isin(basins, shapes), level, page)


def noise_level(grey: Grey) -> float:
    """Standard deviation of the pixels' noise, from differences of neighbours.

    The estimate by the median absolute deviation is robust: strokes hardly change it.

    >>> noisy = np.random.default_rng(0).normal(128, 10, (200, 200)).astype(np.float32)
    >>> round(noise_level(noisy))
    10
    """
    step = np.abs(grey[::2, 1:] - grey[::2, :-1])[:, ::2]
    if not step.size:
        return 0.0
    return float(np.median(step)) / 0.6745 / 2**0.5


def _small_size(grey: Grey) -> tuple[int, int]:
    """Width and height of the small image; the aspect ratio is kept."""
    height, width = grey.shape
    scale = min(1.0, SMALL_SIDE / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(grey: Grey, size: tuple[int, int]) -> Grey:
    """Resize to (width, height): shrink by means of areas, enlarge bilinearly."""
    if size == (grey.shape[1], grey.shape[0]):
        return grey
    down = size[0] <= grey.shape[1] and size[1] <= grey.shape[0]
    method = Image.Resampling.BOX if down else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(grey).resize(size, method), dtype=np.float32)
