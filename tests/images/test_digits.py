"""Reading real digits on difficult pages."""

import numpy as np
import pytest
import torch
from PIL import Image

from deepdigits import load
from deepdigits.benchmarks.corruptions import CORRUPTIONS, NO_DIGITS, page, rows_of_digits
from deepdigits.data import sources
from deepdigits.images import foreground
from deepdigits.images.detection import detect_digits
from deepdigits.images.foreground import estimate_illumination
from deepdigits.inference.rejection import predict_with_tta


@pytest.fixture(scope="module")
def reader():
    return load("cnn")


@pytest.fixture(scope="module")
def digits(data_folder):
    """The first 20 digits of the training set that the net predicts correctly, and their labels."""
    sources.prepare("mnist", data_folder)
    images, labels = sources.load("mnist", data_folder, train=True)
    correct = (load("cnn")(images[:40]).argmax(dim=1) == labels[:40]).nonzero().flatten()[:20]
    return images[correct].numpy(), labels[correct].numpy()


def read(reader, photos):
    return [reading.text for reading in reader.read_all(photos)]


@pytest.mark.parametrize("kind", [name for name in CORRUPTIONS if "rotated" not in name])
def test_digit_is_read_from_a_corrupted_photo(kind, digits, reader):
    images, labels = digits
    rng = np.random.default_rng(0)
    texts = read(reader, [CORRUPTIONS[kind](digit, rng) for digit in images])
    assert sum(text == str(label) for text, label in zip(texts, labels, strict=True)) >= 19


def test_a_row_is_one_number(digits, reader):
    sheets, numbers = zip(*rows_of_digits(*digits, 10), strict=True)
    texts = read(reader, sheets)
    assert sum(text == number for text, number in zip(texts, numbers, strict=True)) >= 9


@pytest.mark.parametrize("kind", [name for name in NO_DIGITS if "letters" not in name])
def test_images_without_digits_are_rejected(kind, reader):
    texts = read(reader, NO_DIGITS[kind](10))
    assert sum(text == "" for text in texts) >= 9


def test_many_images_are_read_as_one_by_one(digits, reader):
    rng = np.random.default_rng(0)
    photos = [page(digit, rng) for digit in digits[0][:3]] + [Image.new("L", (50, 50), 255)]
    together = list(reader.read_all(photos))
    alone = [reader.read(photo) for photo in photos]
    assert [r.text for r in together] == [r.text for r in alone]
    assert [len(r.digits) for r in together] == [1, 1, 1, 0]
    for one, other in zip(together, alone, strict=True):
        for a, b in zip(one.digits, other.digits, strict=True):
            assert a.box == b.box
            assert a.probabilities == pytest.approx(b.probabilities, abs=1e-5)


@pytest.mark.parametrize("corrected", [True, False])
def test_a_small_digit_in_a_lens_with_dark_corners(corrected, digits, reader, monkeypatch):
    """It is read only because the light is corrected."""
    if not corrected:
        monkeypatch.setattr(
            foreground, "estimate_illumination", lambda grey: np.full_like(grey, np.median(grey))
        )
    across, down = np.mgrid[-1:1:400j, -1:1:400j]
    light = 230 * (1 - 0.2 * (across**2 + down**2))
    texts = []
    for digit in digits[0]:
        sheet = Image.new("L", (400, 400))
        sheet.paste(Image.fromarray(digit).resize((100, 100), Image.Resampling.BICUBIC), (150, 150))
        photo = light * (1 - 0.75 * np.asarray(sheet) / 255)
        texts.append(reader.read(Image.fromarray(photo.astype(np.uint8))).text)
    num_correct = sum(text == str(label) for text, label in zip(texts, digits[1], strict=True))
    assert num_correct >= 19 if corrected else num_correct <= 10


@pytest.mark.parametrize("grey", [0, 7, 120, 255])
def test_even_light_is_estimated_as_even(grey):
    picture = np.full((30, 50), grey, np.float32)
    assert estimate_illumination(picture) == pytest.approx(picture, abs=1e-3)


def test_only_unclear_crops_are_predicted_again():
    batch_sizes = []

    def predict(crops):
        batch_sizes.append(len(crops))
        probs = np.full((len(crops), 10), 0.01, np.float32)
        probs[:, 3] = 0.91
        if len(batch_sizes) == 1:
            probs[1] = 0.1
        return probs

    crops = np.zeros((3, 28, 28), np.uint8)
    crops[:, 4:24, 12:16] = 255
    predictions = predict_with_tta(predict, crops)
    assert batch_sizes == [3, 2]
    assert [one.is_digit for one in predictions] == [True, False, True]
    assert predictions[1].probabilities.argmax() == 3  # clear if rotated, unclear on average


def test_a_digit_keeps_its_own_ink_beside_another(digits):
    sheet = Image.new("L", (600, 300), 255)
    for place, digit in enumerate(digits[0][:2]):
        crop = Image.fromarray(255 - digit).resize((200, 200))
        sheet.paste(crop, (40 + 260 * place, 50))
    found = detect_digits(sheet)
    assert len(found) == 2
    for one, digit in zip(found, digits[0][:2], strict=True):
        drawn, meant = torch.tensor(one.crop).float(), torch.tensor(digit).float()
        assert (drawn - meant).abs().mean() < 20
