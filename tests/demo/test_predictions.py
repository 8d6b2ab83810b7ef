"""The predictions that the page shows of an image."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.demo.predictions import decoded, mistakes, predict_crop, predict_image
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader


@pytest.fixture(scope="module")
def readers():
    return [load("mlp"), load("cnn")]


@pytest.fixture(scope="module")
def digits(data_folder):
    sources.prepare("mnist", data_folder)
    return sources.load("mnist", data_folder, train=False)


def url(pixels: np.ndarray) -> str:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def test_row_of_test_digits_is_a_number_with_a_square_around_the_selected_one(digits, readers):
    images, labels = digits
    page = np.full((280, 840), 255, np.uint8)
    for place in range(3):
        large = images[place].numpy().repeat(8, axis=0).repeat(8, axis=1)
        page[28:252, 28 + 280 * place : 252 + 280 * place] -= large
    result = predict_image(url(page), 1, readers)
    assert [net["text"] for net in result["nets"]] == ["".join(map(str, labels[:3].tolist()))] * 2
    assert [net["best"] for net in result["nets"]] == [int(labels[1])] * 2
    left, top, side = result["square"]
    assert (left, top, side) == pytest.approx((308, 28, 224), abs=12)  # where it was put
    assert predict_image(url(page), 99, readers)["selected"] == 2


def test_probabilities_and_saliency_are_those_of_the_net(digits, readers):
    crop = digits[0][0].numpy()
    for reader, net in zip(readers, predict_crop(crop, readers)["nets"], strict=True):
        logits = reader.net(torch.from_numpy(crop)[None, None] / 255)
        assert net["probabilities"] == pytest.approx(logits.softmax(1)[0].tolist(), abs=1e-4)
        saliency = torch.tensor(net["saliency"])
        assert saliency.shape == (784,)
        assert saliency.abs().max() == pytest.approx(1)


def test_a_digit_that_a_net_rejects_is_a_question_mark():
    """A net that always predicts 4, and one that finds four classes equally likely."""
    logits = torch.zeros(2, 10)
    logits[0, 4] = 20
    logits[1, [2, 4, 7, 9]] = 20
    names = tuple("0123456789")
    nets = [Always(row) for row in logits]
    page = np.full((300, 600), 255, np.uint8)
    page[60:240, 140:165] = page[60:240, 440:465] = 0
    readers = [DigitReader(net, "", names) for net in nets]
    certain, uncertain = predict_image(url(page), 0, readers)["nets"]
    assert (certain["text"], uncertain["text"]) == ("44", "??")
    assert uncertain["probabilities"][4] == pytest.approx(0.25, abs=1e-4)


class Always(torch.nn.Module):
    """Has the same output for every image."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), 10)


def test_blank_paper_has_no_digit(readers):
    assert predict_image(url(np.full((200, 200), 255, np.uint8)), -1, readers)["digits"] == []


def test_mistakes_are_all_wrong_and_the_most_confident_come_first(digits, readers):
    images, labels = digits[0][:1000], digits[1][:1000]
    found = mistakes(images, labels, readers[0])
    wrong = (readers[0](images).argmax(1) != labels).nonzero().flatten().tolist()
    assert 0 < len(found) < 40
    assert {one["index"] for one in found} == set(wrong)
    assert [one["confidence"] for one in found] == sorted(
        (one["confidence"] for one in found), reverse=True
    )


@pytest.mark.parametrize("text", ["", "data:,x", "data:image/png;base64,?", "http://example.org"])
def test_other_urls_are_refused(text):
    with pytest.raises(InputError, match="not a data URL"):
        decoded(text)


def test_data_that_are_not_an_image_are_refused(readers):
    with pytest.raises(InputError, match="the image"):
        predict_image("data:image/png;base64,aGVsbG8=", -1, readers)


@pytest.mark.parametrize(
    ("args", "message"),
    [(["--port", "0"], "'0' is not a port"), (["gone"], "gone"), (["--share"], "--share")],
)
def test_wrong_arguments_are_named(args, message):
    pytest.importorskip("gradio")
    with pytest.raises(InputError, match=message):
        run(["demo", *args])
