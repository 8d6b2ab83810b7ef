"""A bundled config is typed by its name wherever a config is taken."""

from pathlib import Path

import pytest
import yaml

import deepdigits
from deepdigits.__main__ import run
from deepdigits.benchmarks import memory
from deepdigits.core.errors import InputError
from deepdigits.training.config_flags import named_configs
from deepdigits.training.execution import resolve_config

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIGS = Path(__file__).parents[2] / "configs"
MLP, GPU = str(CONFIGS / "mlp.yaml"), str(CONFIGS / "trainer" / "gpu.yaml")
SHORT = {"data.val_size": 40, "data.batch_size": 20, "trainer.log_every_n_steps": 5}
TINY = [f"--{key}={value}" for key, value in (SHORT | {"trainer.max_epochs": 1}).items()]


def printed(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        run([*args, "--print_config"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_each_form_of_the_option_is_expanded_and_nothing_else() -> None:
    assert named_configs(["-c", "mlp", "--config", "gpu"]) == ["-c", MLP, "--config", GPU]
    assert named_configs(["-c=mlp", "--config=gpu"]) == [f"-c={MLP}", f"--config={GPU}"]
    others = ["--logger.name", "mlp", "--model=LitCNN", "cnn", "--trainer", "gpu", "--output=cnn"]
    others += ["-c", "{data: {dataset: kmnist}}", "-c", "data: {val_size: 0}", "--config=", "-c"]
    assert named_configs(others) == others
    assert named_configs(named_configs(["-c", "mlp"])) == ["-c", MLP]


def test_a_name_is_the_same_as_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    by_name = printed(["fit", "-c", "cnn", "--config=debug"], capsys)
    debug = str(CONFIGS / "trainer" / "debug.yaml")
    assert by_name == printed(["fit", "-c", str(CONFIGS / "cnn.yaml"), "-c", debug], capsys)
    assert yaml.safe_load(by_name)["logger"]["name"] == "cnn"
    assert yaml.safe_load(by_name)["trainer"]["limit_train_batches"] == 10


def test_a_file_of_that_name_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cnn").write_text("model: {class_path: LitMLP}")
    shown = yaml.safe_load(printed(["fit", "-c", "cnn"], capsys))
    assert shown["model"]["class_path"] == "deepdigits.LitMLP"
    assert shown["logger"]["name"] == "cnn"


@pytest.mark.parametrize(
    "command", [["train"], ["fit"], ["test", "--ckpt_path", "mlp"], ["repeat", "--seeds", "2"]]
)
def test_an_unknown_name_is_one_line_and_nothing_is_written(
    command: list[str], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"^config recrod does not exist: .* 'record'\?$"):
        run([*command, "-c", "recrod"])
    assert not list(tmp_path.iterdir())


def test_training_and_evaluation_by_name(tiny_digits: Path) -> None:
    run(["train", "-c", "mlp", *TINY])
    folder = Path("lightning_logs/mlp/version_0")
    assert (folder / "report.json").is_file()
    saved = (folder / "config.yaml").read_text()
    assert str(CONFIGS) not in saved
    assert yaml.safe_load(saved)["model"]["init_args"]["warmup"] == 0.15
    run(["test", "--ckpt_path", str(folder), "-c", "cpu"])


def test_python_takes_names(tiny_digits: Path) -> None:
    short = {**SHORT, "trainer.max_epochs": 1}
    trained = deepdigits.train(["mlp", "cpu"], short)
    assert trained.folder == Path("lightning_logs/mlp/version_0").resolve()
    assert trained.config["trainer"]["accelerator"] == "cpu"
    assert trained.config["model"]["init_args"]["warmup"] == 0.15
    with pytest.raises(InputError, match="did you mean 'record'"):
        deepdigits.repeat("recrod", seeds=2)
    assert (
        resolve_config(["-c", "fashion_mnist", "-c", "tiny"])["logger"]["name"] == "fashion_mnist"
    )


def test_benchmarks_take_names(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(memory, "peak_mb", lambda args: float(started.append(args) is None))
    run(["bench", "memory", "--config", "tiny", "--repeats", "1"])
    run(["bench", "memory", "--repeats", "1"])
    trainings = [args for args in started if "train" in args]
    paths = [args[args.index("-c") + 1] for args in trainings]
    assert paths == [str(CONFIGS / "recipes" / "tiny.yaml"), str(CONFIGS / "cnn.yaml")]


@pytest.mark.parametrize(
    "found", [{"model": "cnn"}, {"data": "kmnist"}, {"trainer": "gpu"}, {"config": "cnn"}]
)
@pytest.mark.parametrize("command", [["test", "--ckpt_path"], ["train", "--resume"]])
def test_the_config_of_a_run_folder_cannot_name_a_config(
    found: dict[str, str], command: list[str], tiny_digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused, or (what is neither net nor data, in an evaluation) not read."""
    run(["train", "-c", "mlp", *TINY])
    file = Path("lightning_logs/mlp/version_0/config.yaml")
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | found))
    before = Path("lightning_logs/mlp/version_0/report.json").read_bytes()
    capsys.readouterr()
    if command[0] == "test" and not found.keys() & {"model", "data"}:
        cli = run([*command, str(file.parent)])
        assert cli.config.trainer.accelerator == "auto"
        assert Path("lightning_logs/mlp/version_0/report.json").read_bytes() == before
    else:
        with pytest.raises(InputError, match=r"config\.yaml: \w+ is (unknown|\W?\w+\W?, expected)"):
            run([*command, str(file.parent)])


def test_a_section_of_a_config_is_no_name() -> None:
    Path("own.yaml").write_text("model: {class_path: LitMLP}\ntrainer: gpu")
    with pytest.raises(InputError, match="trainer"):
        run(["fit", "-c", "own.yaml", "--print_config"])
