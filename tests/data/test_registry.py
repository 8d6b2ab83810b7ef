"""The catalogue agrees with torchvision."""

import pickle
from copy import deepcopy

import pytest
import torchvision.datasets

from deepdigits.data.registry import DATASETS
from deepdigits.data.sources import archives

# torchvision names MNIST's classes "0 - zero" ...
NUMBERS = {f"{digit} - {word}": str(digit) for digit, word in enumerate(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)}  # fmt: skip


@pytest.mark.parametrize("name", DATASETS)
def test_classes_are_torchvisions(name: str) -> None:
    dataset = DATASETS[name]
    reader = getattr(torchvision.datasets, dataset.reader)
    if dataset.reader == "EMNIST":
        expected = reader.classes_split_dict[dataset.options["split"]]
    else:
        expected = [NUMBERS.get(label, label) for label in reader.classes]
    assert list(dataset.classes) == list(expected)


@pytest.mark.parametrize("name", DATASETS)
def test_files_are_those_that_torchvision_reads(name: str) -> None:
    dataset = DATASETS[name]
    if dataset.reader == "EMNIST":
        assert list(archives(dataset)) == ["gzip.zip"]
        assert all(f"emnist-{dataset.options['split']}-" in file for file in dataset.files)
    else:
        assert [f"{file}.gz" for file in dataset.files] == list(archives(dataset))


def test_emnist_balanced_has_47_classes_of_equal_size() -> None:
    balanced = DATASETS["emnist_balanced"]
    assert len(balanced.classes) == len(set(balanced.classes)) == 47
    assert (balanced.num_train, balanced.num_test) == (47 * 2400, 47 * 400)


@pytest.mark.parametrize("name", DATASETS)
def test_an_entry_can_be_copied_into_another_process(name: str) -> None:
    dataset = DATASETS[name]
    assert pickle.loads(pickle.dumps(dataset)) == deepcopy(dataset) == dataset
