"""Every YAML file in configs/ works on the command line."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from deepdigits import Augment, DigitsDataModule
from deepdigits.__main__ import run
from deepdigits.data.registry import DATASETS
from deepdigits.training import classifier

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIGS = Path(__file__).parents[1] / "configs"
RUNNABLE = sorted([*CONFIGS.glob("*.yaml"), *CONFIGS.glob("recipes/*.yaml")])
STACKED = sorted([*CONFIGS.glob("data/*.yaml"), *CONFIGS.glob("trainer/*.yaml")])
FEW = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "2"]
FEW += ["--trainer.limit_val_batches", "1", "--trainer.limit_test_batches", "1"]
FEW += ["--data.eval_batch_size", "100"]


def name(path):
    return str(path.relative_to(CONFIGS))


@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_runnable_config_trains(path, tmp_path):
    run(["train", "-c", str(path), *FEW, "--trainer.log_every_n_steps", "1"])
    assert (tmp_path / "lightning_logs" / path.stem / "version_0" / "report.json").is_file()


@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_header_of_a_runnable_config_has_the_results(path):
    header = path.read_text().partition("\nmodel:")[0]
    assert f"#   deepdigits train -c {path.stem}\n" in header
    for pattern in (
        r"[\d,]+ parameters",
        r"\d+\.\d+ \+- \d+\.\d+ % .*n = \d+",
        r"\d+ s",
        r"cores|GPU",
    ):
        assert re.search(pattern, header), pattern


@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_runnable_config_repeats_no_default(path):
    config = yaml.safe_load(path.read_text())
    net = getattr(classifier, config["model"]["class_path"])
    given = {
        net: config["model"].get("init_args", {}),
        classifier.LitClassifier: config["model"].get("init_args", {}),
        DigitsDataModule: config.get("data", {}),
        Augment: config.get("data", {}).get("augment", {}),
    }
    for owner, settings in given.items():
        for key, parameter in inspect.signature(owner).parameters.items():
            value = settings.get(key, inspect.Parameter.empty)
            default = parameter.default
            default = list(default) if isinstance(default, tuple) else default
            assert value is inspect.Parameter.empty or value != default, key


@pytest.mark.parametrize("path", STACKED, ids=name)
def test_stacked_config_changes_only_its_section(path, capsys):
    def resolved(*more):
        with pytest.raises(SystemExit) as ended:
            run(["fit", "-c", str(CONFIGS / "cnn.yaml"), *more, "--print_config"])
        assert ended.value.code == 0
        return yaml.safe_load(capsys.readouterr().out)

    plain, stacked = resolved(), resolved("-c", str(path))
    assert path.read_text().startswith("# ")
    changed = {key for key in plain if plain[key] != stacked[key]}
    own = yaml.safe_load(path.read_text())
    section = path.parent.name
    of_machine = {"matmul_precision"} if section == "trainer" else set()
    assert section in own and own.keys() <= {section, *of_machine}
    assert changed <= own.keys()
    assert changed or own == {"data": {"dataset": "mnist"}}


def test_every_dataset_has_a_config():
    assert {path.stem for path in CONFIGS.glob("data/*.yaml")} == DATASETS.keys()
