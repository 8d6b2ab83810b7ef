"""Repeated images: found against all pairs, compared one by one."""

from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deepdigits.data import duplicates, sources
from deepdigits.data.duplicates import NEAR, find_duplicates


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    sources.prepare("mnist", sources.default_data_dir())
    images, _ = sources.load("mnist", sources.default_data_dir(), train=False)
    chosen: NDArray[np.uint8] = images[:300].numpy()
    return chosen


def jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    Image.fromarray(image).save(content := BytesIO(), "JPEG", quality=75)
    return np.asarray(Image.open(content))


def test_planted_repetitions_are_found_and_nothing_else(digits: NDArray[np.uint8]) -> None:
    planted = np.concatenate([digits, digits[[7]], digits[[7]], jpeg(digits[20])[None]])
    planted = np.concatenate([planted, (digits[[41]] * 0.5).astype(np.uint8)])
    found = find_duplicates(planted)
    assert found.exact.tolist() == [[7, 300], [7, 301]]
    assert found.near.tolist() == [[20, 302], [41, 303]]


def test_near_pairs_are_those_of_numpy(
    digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    noisy = [
        np.clip(digits[:60] + random.normal(0, sd, (60, 28, 28)), 0, 255).astype(np.uint8)
        for sd in (5, 8)
    ]
    images = np.concatenate([digits, *noisy])
    monkeypatch.setattr(duplicates, "_BLOCK", 50)  # several blocks, and parts of the pairs
    monkeypatch.setattr(duplicates, "_CHECKED", 11)
    correlation = np.corrcoef(images.reshape(len(images), -1).astype(np.float64))
    expected = [
        list(pair) for pair in combinations(range(len(images)), 2) if correlation[pair] > NEAR
    ]
    assert len(expected) > 100
    assert find_duplicates(images).near.tolist() == expected


def test_blank_images_are_equal_and_not_nearly_the_same() -> None:
    blank = np.zeros((3, 28, 28), np.uint8)
    blank[2] = 9
    found = find_duplicates(blank)
    assert (found.exact.tolist(), found.near.tolist()) == ([[0, 1]], [])
