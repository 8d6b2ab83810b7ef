"""Files of label edits: what they change, and one line for each wrong file."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data.edit_files import checked_edits, read_edits, write_copies
from deepdigits.data.label_edits import LabelEdits
from deepdigits.data.part import Part

NAMES = ("cat", "dog", "=1+1")


def written(text: str, name: str = "edits.csv") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def part(number: int = 6) -> Part:
    images = torch.arange(number * 784).reshape(number, 28, 28).to(torch.uint8)
    return Part(images, torch.arange(number) % 3, torch.arange(number))


def applied(edits: LabelEdits, training: Part | None = None) -> Part:
    training = training or part()
    edits.check("pets", len(training.labels), NAMES)
    return edits.apply(training, "pets", NAMES)


def test_excluded_images_are_gone_and_the_others_keep_their_places() -> None:
    found = applied(read_edits(written("index\n4\n0\n"), None))
    assert found.places.tolist() == [1, 2, 3, 5]
    assert found.labels.tolist() == [1, 2, 0, 2]
    assert torch.equal(found.images, part().images[[1, 2, 3, 5]])


def test_new_labels_are_those_of_the_column_suggested() -> None:
    text = "index,label,suggested\n0,cat,dog\n4,dog,=1+1\n5,'=1+1,cat\n"
    found = applied(read_edits(None, written(text)))
    assert found.labels.tolist() == [1, 1, 2, 0, 2, 0]
    assert torch.equal(found.images, part().images)


def test_without_that_column_they_are_those_of_the_column_label() -> None:
    found = applied(read_edits(None, written("note,LABEL,Index\nx,dog,3\n,'=1+1,4\n")))
    assert found.labels.tolist() == [0, 1, 2, 1, 2, 2]


def test_no_rows_are_no_edits() -> None:
    edits = read_edits(written("index,sha256\n\n"), None)
    training = part()
    assert edits.sha256 is None
    assert applied(edits, training) is training


def test_both_files_together_and_their_sum() -> None:
    exclude, relabel = written("index\n5\n"), written("index,label\n1,cat\n", "r.csv")
    edits = read_edits(exclude, relabel)
    assert str(edits) == "1 excluded, 1 relabelled"
    assert applied(edits).labels.tolist() == [0, 0, 2, 0, 1]
    assert edits.sha256 == hashlib.sha256(b'[[1, "cat"], [5, null]]').hexdigest()
    assert checked_edits(exclude, relabel, edits.sha256) == edits
    for other in ((exclude, None), (None, relabel), (None, None)):
        with pytest.raises(InputError, match="the label edits have changed"):
            checked_edits(*other, edits.sha256)


def test_the_given_labels_are_not_changed() -> None:
    training = part()
    applied(read_edits(None, written("index,label\n0,dog\n")), training)
    assert training.labels.tolist() == [0, 1, 2, 0, 1, 2]


def image_sum(image: Tensor) -> str:
    return hashlib.sha256(bytes(image.flatten().tolist())).hexdigest()[:16]


def test_each_image_is_compared_with_its_sum() -> None:
    sums = [image_sum(image) for image in part().images]
    good = written(f"index,sha256\n2,{sums[2]}\n3,\n")
    assert applied(read_edits(good, None)).places.tolist() == [0, 1, 4, 5]
    wrong = written(f"index,sha256\n2,{sums[2]}\n3,{sums[4]}\n")
    with pytest.raises(InputError, match=r"edits\.csv, line 3: image 3 of pets has another SHA"):
        applied(read_edits(wrong, None))


def test_copies_in_a_run_folder_are_the_same_edits(tmp_path: Path) -> None:
    sum_ = image_sum(part().images[5])
    exclude = written(f"index,sha256\n5,{sum_}\n")
    relabel = written("index,label,suggested\n1,dog,=1+1\n", "r.csv")
    edits = read_edits(exclude, relabel)
    write_copies(tmp_path, edits)
    copies = [str(tmp_path / f"{kind}.csv") for kind in ("exclude", "relabel")]
    assert checked_edits(*copies, edits.sha256).edits[1].sha256 == sum_
    assert torch.equal(applied(read_edits(*copies)).labels, applied(edits).labels)
    write_copies(tmp_path, LabelEdits())
    assert not any(map(Path.exists, map(Path, copies)))


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (None, "exclude", "edits.csv does not exist"),
        ("", "exclude", "edits.csv, line 1: expected a column index: pass"),
        ("label\ncat\n", "exclude", "edits.csv, line 1: expected a column index: pass"),
        ("index\n1\n", "relabel", "expected a column index and a column suggested or label"),
        ("index\n1\n-2\n", "exclude", "edits.csv, line 3: index '-2', expected a whole number"),
        ("index\n1.0\n", "exclude", "line 2: index '1.0', expected a whole number of 0 or more"),
        ("index\n6\n", "exclude", "line 2: index 6, expected 0 to 5: pets has 6 training images"),
        ("index\n3\n1\n3\n", "exclude", "line 4: index 3 is in edits.csv, line 2 already"),
        ("index,label\n1,cow\n", "relabel", "line 2: class 'cow', expected one of the 3 classes"),
        ("index,label\n1,\n", "relabel", "line 2: the column label is empty"),
        ("index,label\n1\n", "exclude", "line 2: 1 values, expected 2"),
        ("index,sha256\n1,xyz\n", "exclude", "line 2: sha256 'xyz', expected 16 hexadecimal"),
        ("index\n1\n4\n", "exclude", "pets has no training image of class dog after its label"),
        ("index,label\n1,cat\n4,cat\n", "relabel", "no training image of class dog"),
        ("index\n\x00\n", "exclude", "edits.csv"),
        ('index\n"1\x1b[2J"\n', "exclude", "line 2: index '1\\x1b[2J'"),
    ],
)
def test_a_wrong_file_is_one_line(text: str | None, kind: str, message: str) -> None:
    if text is not None:
        written(text)
    files: dict[str, Any] = {"exclude": None, "relabel": None, kind: "edits.csv"}
    with pytest.raises(InputError) as caught:
        applied(read_edits(**files))
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_file_that_is_no_text_is_one_line() -> None:
    Path("edits.csv").write_bytes(b"index\n\xff\xfe\n")
    with pytest.raises(InputError, match="cannot be read"):
        read_edits("edits.csv", None)


def test_an_image_in_both_files_is_refused() -> None:
    relabel = written("index,label\n1,cat\n", "r.csv")
    with pytest.raises(InputError, match=r"r\.csv, line 2: index 1 is in edits\.csv, line 3 alrea"):
        read_edits(written("index\n0\n1\n"), relabel)
