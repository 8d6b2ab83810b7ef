"""The predictions that the page shows of an image."""

import io
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.demo.gallery import mistakes
from deepdigits.demo.predictions import predict_crop, predict_image, predict_images
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader
from deepdigits.inference.saliency import occlusion
from deepdigits.models.shift_tta import with_shift_tta


@pytest.fixture(scope="module")
def readers():
    return [load("mlp"), load("cnn")]


@pytest.fixture(scope="module")
def digits(data_folder):
    sources.prepare("mnist", data_folder)
    return sources.load("mnist", data_folder, train=False)


def png(pixels: np.ndarray, form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


def test_row_of_test_digits_is_a_number_with_a_square_around_the_selected_one(digits, readers):
    images, labels = digits
    page = np.full((280, 840), 255, np.uint8)
    for place in range(3):
        large = images[place].numpy().repeat(8, axis=0).repeat(8, axis=1)
        page[28:252, 28 + 280 * place : 252 + 280 * place] -= large
    result = predict_image(png(page), 1, readers)
    assert [net["text"] for net in result["nets"]] == ["".join(map(str, labels[:3].tolist()))] * 2
    assert [net["best"] for net in result["nets"]] == [int(labels[1])] * 2
    left, top, side = result["square"]
    assert (left, top, side) == pytest.approx((308, 28, 224), abs=12)  # where it was put
    assert predict_image(png(page), 99, readers)["selected"] == 2


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
    certain, uncertain = predict_image(png(page), 0, readers)["nets"]
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
    assert predict_image(png(np.full((200, 200), 255, np.uint8)), -1, readers)["digits"] == []


def test_mistakes_are_all_wrong_and_the_most_confident_come_first(digits, readers):
    images, labels = digits[0][:1000], digits[1][:1000]
    found = mistakes(images, labels, readers[0])
    wrong = (readers[0](images).argmax(1) != labels).nonzero().flatten().tolist()
    assert 0 < len(found) < 40
    assert {one["index"] for one in found} == set(wrong)
    assert [one["confidence"] for one in found] == sorted(
        (one["confidence"] for one in found), reverse=True
    )


@pytest.mark.parametrize("content", [b"", b"hello", png(np.zeros((9, 9), np.uint8), "GIF")])
def test_files_that_are_no_png_are_refused(content, readers):
    with pytest.raises(
        InputError, match=r"the image is (empty|not a readable image: expected PNG)"
    ):
        predict_image(content, -1, readers)


def test_size_is_checked_before_pixels_are_decoded(readers):
    """12 million pixels are the limit; a row more is refused, even if its pixels are missing."""
    header = bytearray(png(np.zeros((1, 1), np.uint8)))
    header[16:24] = (4000).to_bytes(4) + (3001).to_bytes(4)
    header[29:33] = crc32(header[12:29]).to_bytes(4)
    with pytest.raises(InputError, match=r"4000 x 3001 pixels.*expected up to 12 million pixels"):
        predict_image(bytes(header), -1, readers)


def test_images_that_are_predicted_together_have_the_same_results(digits, readers):
    pages = [np.full((300, 600), 255, np.uint8) for _ in range(3)]
    for page, places in zip(pages, ((), (0,), (1, 2)), strict=True):
        for place in places:
            left = 300 * (place % 2)
            page[38:262, left + 38 : left + 262] -= (
                digits[0][place].numpy().repeat(8, 0).repeat(8, 1)
            )
    drawings = [(png(page), -1) for page in pages]
    together = predict_images([*drawings, (b"no image", -1)], readers)
    assert isinstance(together.pop(), InputError)
    assert [len(result["digits"]) for result in together] == [0, 1, 2]
    for (content, _), result in zip(drawings, together, strict=True):
        alone = predict_image(content, -1, readers)
        assert [net["text"] for net in alone["nets"]] == [net["text"] for net in result["nets"]]
        for one, other in zip(alone["nets"], result["nets"], strict=True):
            assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)
            assert one["saliency"] == pytest.approx(other["saliency"], abs=2e-3)


def test_map_without_shifts_is_close_to_that_with_them(digits, readers):
    net, single = (with_shift_tta(readers[1].net, tta) for tta in (True, False))
    assert with_shift_tta(readers[0].net, False) is readers[0].net
    for image in digits[0][:10].float() / 255:
        label = int(net(image[None, None]).argmax())
        both = [occlusion(one, image, label).flatten() for one in (net, single)]
        assert torch.corrcoef(torch.stack(both))[0, 1] > 0.95
    assert readers[1].net.shift_tta not in (True, False)  # the copies did not change it


@pytest.mark.parametrize(
    ("args", "message"),
    [(["--port", "0"], "'0' is not a port"), (["gone"], "gone"), (["--share"], "--share")],
)
def test_wrong_arguments_are_named(args, message):
    pytest.importorskip("uvicorn")
    with pytest.raises(InputError, match=message):
        run(["demo", *args])
