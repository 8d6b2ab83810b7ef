"""The sprite of the projector: place, colour and transparency of each digit."""

import numpy as np

from deepdigits.plots.sprite import sprite
from deepdigits.plots.style import CLASS_COLORS


def test_each_image_is_in_its_place_in_the_colour_of_its_class():
    images = np.random.default_rng(0).integers(0, 256, (7, 5, 5)).astype(np.uint8)
    labels = np.array([0, 1, 1, 9, 3, 10, 4])
    picture = sprite(images, labels)
    assert (picture.shape, picture.dtype) == ((15, 15, 4), np.uint8)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        y, x = place // 3 * 5, place % 3 * 5
        tile = picture[y : y + 5, x : x + 5]
        np.testing.assert_array_equal(tile[:, :, 3], image)
        expected = bytes.fromhex(CLASS_COLORS[label % 10][1:])
        assert {bytes(pixel) for pixel in tile[:, :, :3].reshape(-1, 3)} == {expected}
    assert not picture[10:, 5:].any()  # no image there
