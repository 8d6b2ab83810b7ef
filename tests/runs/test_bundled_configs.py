"""Names of bundled configs: a file comes first, and only a known name is one of them."""

import os
from pathlib import Path

import pytest

from deepdigits.core.errors import InputError
from deepdigits.runs.bundled_configs import FOLDER, config_path, find_config, list_configs

CONFIGS = Path(__file__).parents[2] / "configs"


def test_a_checkout_reads_the_only_folder_of_configs() -> None:
    assert FOLDER == CONFIGS
    assert not (Path(__file__).parents[2] / "deepdigits" / "configs").exists()
    assert {config.path for config in list_configs()} == set(CONFIGS.rglob("*.yaml"))


def test_no_two_configs_have_one_name() -> None:
    names = [config.name for config in list_configs()]
    assert len(set(names)) == len(names) >= 17


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cnn", "cnn.yaml"),
        ("record", "recipes/record.yaml"),
        ("recipes/record", "recipes/record.yaml"),
        ("fashion_mnist", "data/fashion_mnist.yaml"),
        ("data/fashion_mnist", "data/fashion_mnist.yaml"),
        ("trainer/gpu", "trainer/gpu.yaml"),
    ],
)
def test_a_name_is_the_config_with_or_without_its_folder(name: str, file: str) -> None:
    assert config_path(name) == str(CONFIGS / file)
    assert find_config(name).path == CONFIGS / file


def test_a_file_comes_before_a_name() -> None:
    Path("cnn").touch()
    Path("trainer").mkdir()
    Path("trainer/gpu").symlink_to("../cnn")
    assert config_path("cnn") == "cnn"
    assert config_path("trainer/gpu") == "trainer/gpu"
    assert config_path("gpu") == str(CONFIGS / "trainer" / "gpu.yaml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_a_file_too() -> None:
    os.mkfifo("mlp")  # what a shell makes of -c <(...)
    assert config_path("mlp") == "mlp"


def test_a_folder_is_no_config() -> None:
    Path("cnn").mkdir()
    Path("mine").mkdir()
    assert config_path("cnn") == str(CONFIGS / "cnn.yaml")
    with pytest.raises(InputError, match=r"^config mine is a folder, expected a file; `deepdigits"):
        config_path("mine")


def test_the_user_is_told_of_an_own_file_that_a_name_does_not_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert config_path("cnn") == str(CONFIGS / "cnn.yaml")
    assert capsys.readouterr().err == ""
    Path("cnn.yaml").touch()
    assert config_path("cnn") == str(CONFIGS / "cnn.yaml")
    assert capsys.readouterr().err.endswith("for the file in this folder type cnn.yaml\n")


@pytest.mark.parametrize(
    "value",
    [
        "../cnn",
        "./cnn",
        "recipes/../cnn",
        "recipes/../../configs/cnn",
        "/cnn",
        str(CONFIGS / "cnn"),
        "cnn/",
        "recipes//record",
        "recipes/cnn",
        "recipes\\record",
        "cnn ",
        "CNN",
        "cn*",
        "cnn\0",
        "x" * 300,
    ],
)
def test_what_is_no_known_name_is_no_bundled_config(value: str) -> None:
    with pytest.raises(InputError, match="does not exist") as caught:
        config_path(value)
    assert str(caught.value).isprintable()
    with pytest.raises(InputError, match="comes with the package"):
        find_config(value)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("recrod", "config recrod does not exist: did you mean 'record'?"),
        ("fashion-mnist", "config fashion-mnist does not exist: did you mean 'fashion_mnist'?"),
        ("CNN", "config CNN does not exist: did you mean 'cnn'?"),
        (
            "weather.yaml",
            "config weather.yaml does not exist; `deepdigits configs` lists those that come with "
            "the package",
        ),
        *(
            (
                path,
                f"config {path} does not exist: the one that comes with the package is named gpu",
            )
            for path in ("configs/trainer/gpu.yaml", "../configs/trainer/gpu.yaml", "gpu.yml")
        ),
    ],
)
def test_the_error_says_what_to_type(value: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        config_path(value)
    assert str(caught.value) == line


def test_header_is_the_comment_at_the_top_without_the_command() -> None:
    first, results = find_config("cnn").header.splitlines()
    assert first == "A convolutional neural network on MNIST: 1,056,178 parameters, 10 epochs."
    assert results.startswith("Test accuracy 99.") and "with 2 cores" in results
    for config in list_configs():
        assert config.header and "#" not in config.header
        assert "deepdigits train" not in config.header
