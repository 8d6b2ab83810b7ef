"""Class weights: rare classes count as much as frequent ones in the training loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from deepdigits import DigitsDataModule
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.run import Run
from deepdigits.training.class_weights import class_weights_of

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")
SMALL = ["--model", "LitMLP", "--model.hidden_sizes", "[8]", "--data.val_size", "50"]
TRAIN = [*SMALL, "--data.batch_size", "50", "--trainer.log_every_n_steps", "1"]


def trained(*args: str) -> Any:
    return run(["fit", *TRAIN, "--trainer.max_epochs", "1", *args])


def test_balanced_is_that_of_scikit_learn() -> None:
    data = DigitsDataModule(batch_size=50, val_size=50)
    data.prepare_data()
    data.setup("fit")
    labels = data.images_and_labels("train")[1].numpy()
    expected = compute_class_weight("balanced", classes=np.arange(10), y=labels)
    weights = class_weights_of("balanced", 10, data)
    assert weights is not None
    torch.testing.assert_close(weights, torch.from_numpy(expected).float())


def test_a_class_without_images_has_no_weight() -> None:
    data = DigitsDataModule(batch_size=50, val_size=50)
    data.prepare_data()
    data.setup("fit")
    weights = class_weights_of("balanced", 12, data)
    assert weights is not None and weights[10:].tolist() == [0.0, 0.0]
    assert torch.isfinite(weights).all()


def test_the_training_loss_is_weighted_and_no_other() -> None:
    weights = [1.0, 2, 3, 4, 5, 0, 1, 1, 1, 1]
    module = trained("--model.class_weights", str(weights)).model
    images, labels = torch.rand(30, 1, 28, 28), torch.arange(30) % 10
    module.eval()
    loss = module.training_step((images, labels), 0)
    expected = F.cross_entropy(module.net(images), labels, torch.tensor(weights))
    torch.testing.assert_close(loss, expected)
    module.val_metrics.reset()
    module.validation_step((images, labels), 0)
    plain = F.cross_entropy(module.net(images), labels)
    assert module.val_metrics.compute()["val/loss"].item() == pytest.approx(plain.item())


def test_equal_weights_train_as_none() -> None:
    first = trained().model.state_dict()
    second = trained("--model.class_weights", str([1] * 10)).model.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_resumed_run_has_them_again() -> None:
    whole = trained("--model.class_weights=balanced", "--trainer.max_epochs", "2")
    stopped = trained("--model.class_weights=balanced", "--trainer.max_steps", "5")
    assert Run(stopped.run_folder).config["model"]["init_args"]["class_weights"] == "balanced"
    other = trained("--trainer.max_epochs", "2")
    assert not torch.equal(whole.model.net.head.weight, other.model.net.head.weight)
    resume = ["--resume", str(stopped.run_folder), "--trainer.max_steps=-1"]
    again = run(["fit", *resume, "--trainer.max_epochs", "2"])
    torch.testing.assert_close(again.model._class_weights, whole.model._class_weights)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("[1,2]", r"class_weights is \[1\.0, 2\.0\], expected balanced, or a list of 10 numbers"),
        ("[1,2,3,4,5,6,7,8,9,-1]", r"a number of class_weights is -1\.0, expected a number from 0"),
        ("[1,2,3,4,5,6,7,8,9,.nan]", "a number of class_weights is nan"),
        ("[0,0,0,0,0,0,0,0,0,0]", "class_weights are all 0"),
        ("equal", "class_weights"),
    ],
)
def test_wrong_weights_are_one_line(value: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        trained("--model.class_weights", value)
    assert str(caught.value).isprintable()
    assert not Path("lightning_logs").exists()
