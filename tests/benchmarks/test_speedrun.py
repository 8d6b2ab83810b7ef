"""The recipes are the published ones; the speedrun trains all of them alternately."""

import pytest
import torch
from torch import nn

from deepdigits.benchmarks import recipes
from deepdigits.benchmarks.speedrun import CLASSIC, OURS, SPEED, accuracy, bench_speedrun

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.mark.parametrize(
    ("make", "parameters"), [(recipes.speed_net, 215_194), (recipes.classic_net, 1_199_882)]
)
def test_nets_have_the_published_size(make, parameters) -> None:  # type: ignore[no-untyped-def]
    net = make()
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_accuracy_counts_correct_predictions() -> None:
    class Brightest(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, 0, 0, :10]

    labels = torch.arange(2500) % 10
    pixels = torch.zeros(2500, 1, 28, 28)
    pixels[torch.arange(2500), 0, 0, labels] = 1
    assert accuracy(Brightest(), pixels, labels) == 1.0
    assert accuracy(Brightest(), pixels, (labels + (labels == 3)) % 10) == 0.9


def test_speed_recipe_learns_and_depends_on_its_seed_only(tiny_arrays) -> None:  # type: ignore[no-untyped-def]
    images = torch.from_numpy(tiny_arrays["train-images-idx3-ubyte"]).repeat(8, 1, 1)
    labels = torch.from_numpy(tiny_arrays["train-labels-idx1-ubyte"]).long().repeat(8)
    net, seconds = recipes.train_speed_recipe(images, labels, seed=0)
    again, _ = recipes.train_speed_recipe(images, labels, seed=0)
    pixels = (images.unsqueeze(1) / 255 - recipes.MEAN) / recipes.STD
    assert seconds > 0
    assert accuracy(net, pixels, labels) > 0.5
    torch.testing.assert_close(net.state_dict(), again.state_dict())


def test_classic_recipe_stops_when_it_is_good_enough(tiny_digits) -> None:  # type: ignore[no-untyped-def]
    judged: list[nn.Module] = []

    def second_time(net: nn.Module) -> bool:
        judged.append(net)
        return len(judged) == 2

    _, seconds = recipes.train_classic(str(tiny_digits), 0, second_time, epochs=5)
    assert len(seconds) == len(judged) == 2
    _, seconds = recipes.train_classic(str(tiny_digits), 0, lambda net: False, epochs=1)
    assert len(seconds) == 1


def test_speedrun_of_all_recipes(tiny_config_without_validation: str) -> None:
    result = bench_speedrun(tiny_config_without_validation, seeds=2, classic=1)
    runs = result.measurements["runs"]
    assert {name: len(of_name) for name, of_name in runs.items()} == {OURS: 2, SPEED: 2, CLASSIC: 1}
    assert all(0 <= run["accuracy"] <= 1 for of_name in runs.values() for run in of_name)
    assert result.measurements["ratio"][OURS] == 1
    assert [row[0] for row in result.rows] == [OURS, SPEED, CLASSIC]
