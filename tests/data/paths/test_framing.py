"""From any picture to 28x28: photo, fit or none, chosen by looking at the whole set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from deepdigits.core.errors import InputError
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.paths import choice
from deepdigits.data.paths.dataset import find_dataset, open_copy, open_path
from deepdigits.data.paths.framing import Framing, fit
from deepdigits.data.paths.path_dataset import PathDataset
from deepdigits.images.detection import crop_digit, crop_grey
from deepdigits.images.io import to_grey

Arrays = dict[str, Any]
Pixels = NDArray[np.uint8]
DATA = Path("data")
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")


def opened(path: str, framing: Framing = "auto") -> PathDataset:
    return open_path(str(Path(path).absolute()), DATA, 0, False, framing)


def look(path: str, framing: Framing = "auto") -> Any:
    return opened(path, framing).look


def whole(found: PathDataset) -> Pixels:
    """All images of a dataset without a test split, in the order of its files."""
    names = [*(found.files("train") or ()), *(found.files("test") or ())]
    images = np.concatenate([found.load("train")[0], found.load("test")[0]])
    return images[np.argsort([int(Path(name).stem) for name in names])]


def save(images: list[Image.Image], folder: str = "f") -> None:
    """Two classes in turn; the files are numbered."""
    for number, image in enumerate(images):
        path = Path(folder, "ab"[number % 2], f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)


def sheets(pages: dict[int, Image.Image], number: int = 20) -> list[Image.Image]:
    """Real digits on a page, 100 x 80 pixels, each in another place."""
    made = []
    for place in range(number):
        sheet = Image.new("L", (100, 80), 255)
        digit = pages[place % 10].crop((60, 60, 340, 340)).resize((50, 50))
        sheet.paste(digit, (5 + 2 * (place % 20), 5 + place % 20))
        made.append(sheet)
    return made


def shapes(number: int = 20) -> list[Image.Image]:
    """Filled shapes up to the edges, light on dark."""
    made = []
    for place in range(number):
        image = Image.new("L", (56, 56), 0)
        image.paste(200, (14, 0, 30 + place % 12, 56))
        image.paste(120, (8, 20 + place % 9, 48, 50))
        made.append(image)
    return made


# ---------------------------------------------------------------- what is chosen


def test_images_as_in_mnist_are_taken_as_they_are(tiny_arrays: Arrays) -> None:
    images = tiny_arrays[TRAIN[0]][:20]
    save([Image.fromarray(one) for one in images])
    assert (look("f").framing, look("f").light_on_dark, look("f").inverted) == ("none", True, False)
    assert np.array_equal(whole(opened("f")), images)


def test_dark_on_light_images_of_28_pixels_are_inverted(
    pages: dict[int, Image.Image], capsys: pytest.CaptureFixture[str]
) -> None:
    images = [one.resize((28, 28)) for one in sheets(pages)]
    save(images)
    found = opened("f")
    assert "framing     fit: 20 images of 28x28, dark on light, inverted" in capsys.readouterr().err
    expected = np.array([255 - np.asarray(one) for one in images])
    assert np.array_equal(whole(found), expected)
    assert np.array_equal(whole(opened("f", "none")), 255 - expected)  # as they are


def test_writing_is_cropped_as_classify_crops_it(pages: dict[int, Image.Image]) -> None:
    save(images := sheets(pages))
    found = opened("f")
    assert (found.look.framing, found.look.num_dark_on_light) == ("photo", 20)  # type: ignore[union-attr]
    assert np.array_equal(whole(found), [crop_digit(one) for one in images])
    pale = [ImageOps.invert(one) for one in images]
    save(pale, "g")
    crops = whole(opened("g"))
    assert look("g").light_on_dark and not look("g").inverted
    assert np.abs(crops.astype(int) - whole(found)).max() <= 2


def test_shapes_and_textures_are_kept_whole() -> None:
    save(images := shapes())
    assert (look("f").framing, look("f").light_on_dark) == ("fit", True)
    assert np.array_equal(whole(opened("f")), [fit(np.asarray(one, np.float32)) for one in images])
    save([ImageOps.invert(one) for one in images], "g")
    assert (look("g").framing, look("g").inverted) == ("fit", True)
    assert np.abs(whole(opened("g")).astype(int) - whole(opened("f"))).max() <= 1
    noise = np.random.default_rng(0).integers(0, 256, (20, 40, 40), np.uint8)
    save([Image.fromarray(one) for one in noise], "h")
    assert (look("h").framing, look("h").inverted) == ("fit", False)
    assert "no plain background" in look("h").sentence()


def test_few_pictures_among_images_of_28_pixels_do_not_decide(
    tiny_arrays: Arrays, pages: dict[int, Image.Image]
) -> None:
    small = [Image.fromarray(one) for one in tiny_arrays[TRAIN[0]][:20]]
    save([*small, *(ImageOps.invert(one) for one in sheets(pages, 5))])
    assert look("f").framing == "fit"
    assert look("f").sizes == {"28x28": 20, "100x80": 5}


def test_a_sample_is_enough_to_choose(
    pages: dict[int, Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "SAMPLE", 5)
    save(sheets(pages))
    assert look("f").framing == "photo"


# ---------------------------------------------------------------- polarity of the set


def test_a_mixed_set_that_is_fitted_has_one_polarity(capsys: pytest.CaptureFixture[str]) -> None:
    images = shapes()
    save([one if place < 8 else ImageOps.invert(one) for place, one in enumerate(images)])
    found = whole(opened("f"))
    assert (look("f").num_light_on_dark, look("f").num_dark_on_light) == (8, 12)
    assert "note: 8 training images are light on dark, unlike the others" in capsys.readouterr().err
    plain = np.array([fit(np.asarray(one, np.float32)) for one in images]).astype(int)
    assert np.abs(found[8:] - plain[8:]).max() <= 1
    assert np.abs(255 - found[:8] - plain[:8]).max() <= 1  # inverted with the set, not alone


def test_a_mixed_set_of_writing_is_read_either_way(
    pages: dict[int, Image.Image], capsys: pytest.CaptureFixture[str]
) -> None:
    images = sheets(pages)
    save([ImageOps.invert(one) if place < 8 else one for place, one in enumerate(images)])
    found = whole(opened("f"))
    assert "8 training images are light on dark, unlike the others: each" in capsys.readouterr().err
    assert np.abs(found.astype(int) - [crop_digit(one) for one in images]).max() <= 2


def test_one_of_many_is_read_as_the_others(pages: dict[int, Image.Image]) -> None:
    images = sheets(pages, 40)
    save([ImageOps.invert(images[0]), *images[1:]])
    expected, _ = crop_grey(to_grey(ImageOps.invert(images[0]))[0], True)
    found = whole(opened("f"))
    assert np.array_equal(found[0], expected)
    assert not np.array_equal(found[0], crop_digit(images[0]))


def test_the_training_images_decide_for_the_test(pages: dict[int, Image.Image]) -> None:
    save(shapes(), "f/train")
    save([ImageOps.invert(one) for one in shapes()], "f/test")
    found = opened("f")
    assert not look("f").inverted
    train, test = (found.load(split)[0].numpy().astype(int) for split in ("train", "test"))
    assert np.abs(255 - test - train).max() <= 1


# ---------------------------------------------------------------- arrays


@pytest.mark.parametrize("shape", [(8, 8), (32, 20), (64, 64, 3), (64, 64, 1), (225, 225)])
def test_arrays_of_another_size_are_framed(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, *shape), np.uint8)
    np.savez("a.npz", x_train=images, y_train=np.array(["a", "b"] * 6))
    assert look("a.npz").sizes == {f"{shape[1]}x{shape[0]}": 12}
    save([Image.fromarray(one.reshape(shape[:2]) if shape[2:] == (1,) else one) for one in images])
    by_npz, by_files = opened("a.npz", "fit"), opened("f", "fit")
    assert by_npz.sha256 == by_files.sha256
    assert by_npz.files("train") is None


def test_idx_files_of_another_size(
    idx: Callable[[Any], bytes], pages: dict[int, Image.Image]
) -> None:
    images = sheets(pages)
    Path("i").mkdir()
    Path("i", TRAIN[0]).write_bytes(idx(np.array([np.asarray(one) for one in images])))
    Path("i", TRAIN[1]).write_bytes(idx(np.arange(20, dtype=np.uint8) % 2))
    save(images)
    assert look("i").framing == "photo"
    assert np.array_equal(opened("i").load("test")[0], opened("f").load("test")[0])


# ---------------------------------------------------------------- what cannot be done


def test_none_names_the_first_image_of_another_size() -> None:
    save([Image.new("L", (28, 28 + (place == 7))) for place in range(12)])
    with pytest.raises(InputError, match=r"f/b/7\.png has 28x29 pixels, expected 28x28 .* fit"):
        opened("f", "none")
    np.savez("a.npz", x_train=np.zeros((12, 8, 8), np.uint8), y_train=np.arange(12) % 2)
    with pytest.raises(InputError, match=r"image 0 of .*a\.npz has 8x8 pixels, expected 28x28"):
        opened("a.npz", "none")


def test_blank_pages_are_counted_and_nothing_else_is_an_error(
    pages: dict[int, Image.Image], capsys: pytest.CaptureFixture[str]
) -> None:
    save([*sheets(pages, 10), Image.new("L", (90, 90), 200), Image.new("L", (90, 90), 0)])
    assert look("f", "photo").num_blank == 2
    assert "note: 2 images have no ink, and are black" in capsys.readouterr().err
    save([Image.new("L", (90, 90), 200)] * 12, "blank")
    assert look("blank").framing == "fit"
    with pytest.raises(InputError, match=r"blank: no training image has ink .*--data\.framing fit"):
        opened("blank", "photo")


def test_a_framing_that_does_not_exist_or_is_not_needed(
    tiny_digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="framing is 'page', expected one of auto, photo, fit, n"):
        DigitsDataModule(framing="page")  # type: ignore[arg-type]
    DigitsDataModule(framing="photo", val_size=30, batch_size=20)
    assert "note: the images of mnist are 28x28: framing photo is not used" in (
        capsys.readouterr().err
    )


def test_a_copy_wins_over_the_framing(pages: dict[int, Image.Image]) -> None:
    save(sheets(pages))
    found = opened("f", "fit")
    path = str(Path("f").absolute())
    copy, _ = find_dataset(path, DATA, 0, False, found.sha256, "photo")
    assert isinstance(copy, PathDataset)
    assert np.array_equal(copy.load("train")[0], found.load("train")[0])
    assert (copy.look, copy.files("train")) == (None, None)
    assert open_copy(path, found.sha256, DATA, 0) == copy


# ---------------------------------------------------------------- what is kept


def test_each_framing_has_its_own_copy_and_its_look_is_kept(
    pages: dict[int, Image.Image],
) -> None:
    save(sheets(pages))
    first = [opened("f", framing) for framing in ("auto", "photo", "fit")]
    assert first[0].sha256 == first[1].sha256 != first[2].sha256
    assert [one.look.chosen for one in first if one.look] == [True, False, False]
    assert first == [opened("f", framing) for framing in ("auto", "photo", "fit")]
    assert hash(first[0]) == hash(opened("f"))


def test_files_are_in_the_order_of_the_images(tiny_arrays: Arrays) -> None:
    for split, count in (("train", 40), ("val", 9), ("test", 11)):
        save([Image.fromarray(one) for one in tiny_arrays[TRAIN[0]][:count]], f"f/{split}")
    save([Image.fromarray(one) for one in tiny_arrays[TRAIN[0]][:40]], "held_out")
    Path("held_out/b/3.png").write_bytes(b"damaged")
    for path, splits in (("f", ("train", "val", "test")), ("held_out", ("train", "test"))):
        found = open_path(str(Path(path).absolute()), DATA, 0, True)
        for split in splits:
            names, images = found.files(split), found.load(split)[0]  # type: ignore[arg-type]
            assert names is not None and len(names) == len(images)
            for name, image in zip(names, images, strict=True):
                assert np.array_equal(np.asarray(Image.open(Path(path, name))), image)


def test_many_sizes_are_summed_up() -> None:
    sizes = [(30 + number, 40) for number in range(25)]
    save([Image.new("L", size, 9) for size in [*sizes, (30, 40), (30, 40)]])
    seen = look("f")
    assert next(iter(seen.sizes.items())) == ("30x40", 3)
    assert (len(seen.sizes), seen.num_other_sizes, seen.num_images) == (20, 5, 27)
    assert "27 images of 30x40 to 54x40" in seen.sentence()


@pytest.mark.parametrize("framing", ["auto", "photo", "fit"])
def test_odd_pictures_do_no_harm(framing: Framing, pages: dict[int, Image.Image]) -> None:
    digit = sheets(pages, 1)[0]
    clear = Image.merge("LA", (digit, ImageOps.invert(digit)))
    odd = [Image.new("L", size, 90) for size in ((1, 1), (1, 50), (50, 1), (4, 4), (3_000, 20))]
    odd += [Image.new("L", (64, 64)), Image.new("L", (64, 64), 255), Image.new("L", (28, 28), 255)]
    odd += [clear, Image.fromarray(np.asarray(digit).astype(np.uint16) * 257), digit]
    save([*odd, *sheets(pages, 9)])
    digit.convert("CMYK").save("f/a/100.jpg")
    digit.save("f/a/101.gif", save_all=True, append_images=[Image.new("L", digit.size, 9)])
    images = whole(opened("f", framing))
    assert images.shape == (22, 28, 28)
    if framing == "photo":
        expected = crop_digit(digit).astype(int)
        assert all(np.abs(images[place] - expected).max() <= 1 for place in (9, 10, 21))
        assert not images[5:8].any()
