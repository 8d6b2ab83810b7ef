"""``deepdigits compare`` and `compare`: rows, groups, sentences, and damaged runs."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepdigits.commands import compare as compare_module
from deepdigits.core.errors import InputError
from deepdigits.runs.run import Run

LOGS = Path("lightning_logs")


@pytest.fixture
def seeds(make_run):
    """Two configs: mlp gets 30, 32 and 34 digits of 1,000 wrong, cnn 10, 11 and 12."""
    for seed in range(3):
        make_run(
            LOGS / f"mlp/seed_{seed}", range(30 + 2 * seed), seed, training_seconds=10.0 + seed
        )
        make_run(LOGS / f"cnn/seed_{seed}", range(500, 510 + seed), seed, lr=0.2)


def run(capsys, *args):
    """Run the command; returns the text on stdout and the lines on stderr."""
    compare_module.main(args)
    out, err = capsys.readouterr()
    return out, err.splitlines()


def rows(capsys, *args):
    return json.loads(run(capsys, *args, "--format", "json")[0])["configs"]


def test_a_row_for_each_config_best_first(capsys, seeds):
    cnn, mlp = rows(capsys)
    assert (cnn["config"], mlp["config"]) == ("cnn", "mlp")
    assert mlp["accuracy_mean"] == pytest.approx(np.mean([0.970, 0.968, 0.966]))
    assert mlp["accuracy_sd"] == pytest.approx(np.std([0.970, 0.968, 0.966], ddof=1))
    assert mlp["errors_per_10000"] == pytest.approx(320)
    assert (mlp["n"], mlp["epochs"], mlp["training_seconds"]) == (3, 10, 11.0)
    assert mlp["parameters"] == 109_770


def test_the_weakest_class_is_that_of_the_lowest_mean_f1(capsys, make_run):
    make_run("runs/mlp/seed_0", range(3, 1000, 50), 0)  # twenty threes are predicted as fours
    [row] = rows(capsys, "runs")
    assert row["weakest_class"] == "3"
    assert row["weakest_f1"] == pytest.approx(2 * 80 / (80 + 100))  # no other digit predicted as 3
    # F1 of the fours: all 100 right, 120 predicted
    assert row["f1_macro"] == pytest.approx((8 + 160 / 180 + 200 / 220) / 10)


def test_markdown_output(capsys, seeds):
    # Class 1 of mlp: 3, 4, 4 false negatives and 3, 4, 4 false positives: F1 0.97, 0.96, 0.96.
    # Class 1 of cnn: 1, 1, 2 false negatives and 1, 2, 2 false positives: F1 198/200, 198/201,
    # 196/200.
    text, _ = run(capsys, "--format", "markdown")
    assert text.splitlines()[:4] == [
        "| config | parameters | epochs | training seconds | test accuracy | errors per 10,000 "
        "| macro F1 | weakest class |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        "| cnn | 109,770 | 10 | 12.0 | 98.90 ± 0.10 % (n=3) | 110.0 | 0.9890 | 1 (F1 0.9850) |",
        "| mlp | 109,770 | 10 | 11.0 | 96.80 ± 0.20 % (n=3) | 320.0 | 0.9680 | 1 (F1 0.9633) |",
    ]
    assert run(capsys, "--format", "markdown")[0] == text


def test_csv_has_the_values_of_json(capsys, seeds):
    text, notes = run(capsys, "--format", "csv")
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["config"] for row in table] == ["cnn", "mlp"]
    assert float(table[1]["accuracy_sd"]) == rows(capsys)[1]["accuracy_sd"]
    assert any("The config cnn is better than mlp" in line for line in notes)


def test_no_cell_of_the_table_is_cut(capsys, seeds):
    text, _ = run(capsys)
    assert "96.80 ± 0.20 % (n=3)" in text and "errors per 10,000" in text


def test_for_two_configs_the_better_one_is_named(capsys, seeds):
    text, _ = run(capsys)
    assert "The config cnn is better than mlp: its mean accuracy is 2.10 points higher" in text
    assert "30 are right with the trained net cnn/seed_0 and wrong with mlp/seed_0" in text
    assert "and 10 the other way round: of these two nets cnn/seed_0 is better" in text


def test_no_difference_is_claimed_between_equal_configs(capsys, make_run):
    rng = np.random.default_rng(0)
    for name, seed in [("one", 0), ("one", 1), ("one", 2), ("two", 3), ("two", 4), ("two", 5)]:
        make_run(LOGS / f"{name}/seed_{seed}", rng.permutation(1000)[: 30 + seed % 3], seed)
    text, _ = run(capsys)
    assert "better" not in text
    assert text.lower().count("no difference between") == 2


def test_mcnemar_uses_the_lowest_seed_of_both_configs(capsys, make_run):
    for seed in (0, 2, 1):
        make_run(LOGS / f"mlp/version_{seed}", range(20), seed)
    for seed in (2, 3):
        make_run(LOGS / f"cnn/version_{seed}", range(30, 40), seed, lr=0.2)
    assert (
        "20 are right with the trained net cnn/version_2 and wrong with mlp/version_2"
        in run(capsys)[0]
    )


def test_runs_without_predictions_are_compared_by_seeds_alone(capsys, make_run):
    for seed in range(3):
        make_run(LOGS / f"mlp/seed_{seed}", range(30 + seed), seed, saved=False)
        make_run(LOGS / f"cnn/seed_{seed}", range(10 + seed), seed, lr=0.2)
    text, _ = run(capsys)
    assert "The config cnn is better" in text and "needs saved predictions of both" in text


def test_damaged_predictions_are_named(capsys, seeds):
    (LOGS / "mlp/seed_0/predictions.npz").write_bytes(b"PK\x03\x04")
    assert "mlp/seed_0/predictions.npz is damaged" in run(capsys)[0]


def test_two_configs_in_one_folder_are_two_rows_named_by_their_difference(capsys, make_run):
    make_run(LOGS / "mlp/version_0", range(10), lr=0.1)
    make_run(LOGS / "mlp/version_1", range(20), lr=0.2)
    assert [row["config"] for row in rows(capsys)] == ["mlp (lr=0.1)", "mlp (lr=0.2)"]


def test_two_folders_of_one_name_get_different_names(capsys, make_run):
    make_run(LOGS / "mlp/seed_0", range(10))
    make_run(LOGS / "reference/mlp/seed_0", range(20))
    names = [row["config"] for row in rows(capsys, str(LOGS))]
    assert names == ["lightning_logs/mlp", "reference/mlp"]


def test_the_default_is_all_runs_but_the_reference(capsys, seeds, make_run):
    make_run(LOGS / "reference/record/seed_0", range(2))
    assert [row["config"] for row in rows(capsys)] == ["cnn", "mlp"]
    [row] = rows(capsys, "lightning_logs/reference")
    assert row["config"] == "record"


def test_a_run_named_twice_counts_once(capsys, seeds):
    [row] = rows(capsys, "lightning_logs/mlp", "lightning_logs/mlp/seed_1")
    assert row["n"] == 3


def test_a_repeated_seed_counts_once(capsys, make_run):
    for version in (9, 10):
        make_run(LOGS / f"mlp/version_{version}", range(version), seed=4)
    out, notes = run(capsys, "--format", "json")
    [row] = json.loads(out)["configs"]
    assert (row["n"], row["accuracy_mean"], row["accuracy_sd"]) == (1, 0.99, None)
    assert any(
        "version_9 is left out: version_10 repeats its config and seed 4" in x for x in notes
    )


def test_results_on_different_datasets_are_never_averaged(capsys, make_run):
    make_run(LOGS / "mlp/seed_0", range(10), 0)
    make_run(LOGS / "mlp/seed_1", range(20), 1)
    make_run(LOGS / "mlp/seed_2", range(300), 2, dataset="fashion_mnist")
    text, notes = run(capsys, "--format", "markdown")
    assert "fashion_mnist, test: 1,000 digits\n\n| config |" in text
    assert "| mlp (dataset=mnist) |" in text and "98.50 ± 0.71 % (n=2)" in text
    assert "70.00 % (n=1)" in text
    assert any("never averaged" in line for line in notes)
    assert "better" not in text.replace("neither is called better", "")


def test_one_config_evaluated_on_different_digits_is_two_rows(capsys, make_run):
    make_run(LOGS / "mlp/seed_0", range(10), 0)
    half = {"overall": {"num_samples": 500}, "confusion_matrix": np.diag([50] * 10).tolist()}
    make_run(LOGS / "mlp/seed_1", range(10), 1, **half)
    names = {row["config"] for row in rows(capsys)}
    assert names == {"mlp (1000 digits of mnist)", "mlp (500 digits of mnist)"}


def test_diff_shows_only_what_differs(capsys, seeds):
    out, _ = run(capsys, "--diff", "--format", "json")
    assert json.loads(out) == {"model.init_args.lr": {"cnn": 0.2, "mlp": 0.1}}
    text, _ = run(capsys, "--diff", "--format", "markdown")
    assert text == "| setting | cnn | mlp |\n|---|--:|--:|\n| model.init_args.lr | 0.2 | 0.1 |\n"


def test_diff_of_equal_configs_prints_no_table(capsys, make_run):
    make_run(LOGS / "mlp/seed_0", range(10))
    assert run(capsys, "--diff") == ("", ["deepdigits: no setting differs"])


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("report.json", '{"overall": {"num_sam', "report.json cannot be read"),
        ("report.json", b"\xff\xfe", "report.json cannot be read"),
        ("report.json", "{}", "report.json is damaged ('accuracy' is missing)"),
        ("report.json", '{"accuracy": NaN}', "report.json is damaged ('f1_macro' is missing)"),
        ("report.json", None, "has no report.json: its training has not finished, or it was not"),
        ("config.yaml", "seed_everything: [", "config.yaml cannot be read"),
        ("config.yaml", "", "config.yaml: expected a mapping of settings"),
        ("config.yaml", None, "config.yaml cannot be read"),
    ],
)
def test_a_damaged_run_is_one_line_and_the_rest_is_shown(capsys, seeds, file, content, problem):
    path = LOGS / "mlp/seed_1" / file
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    out, notes = run(capsys, "--format", "json")
    assert [row["n"] for row in json.loads(out)["configs"]] == [3, 2]
    [line] = notes
    assert "mlp/seed_1" in line and problem in line


@pytest.mark.parametrize("figure", ["accuracy", "f1_macro", "training_seconds", "dataset"])
@pytest.mark.parametrize("value", [float("nan"), [1], {}])
def test_invalid_values_in_a_report_are_named(capsys, seeds, figure, value):
    path = LOGS / "mlp/seed_1/report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {figure: value}))
    out, notes = run(capsys, "--format", "json")
    assert [row["n"] for row in json.loads(out)["configs"]] == [3, 2]
    assert len(notes) == 1 and "mlp/seed_1/report.json" in notes[0]


def test_a_folder_without_runs_is_one_line_and_the_rest_is_shown(capsys, seeds, tmp_path):
    (tmp_path / "empty").mkdir()
    out, notes = run(capsys, "lightning_logs/cnn", "empty", "nowhere", "--format", "json")
    assert len(json.loads(out)["configs"]) == 1
    assert ["no run in empty" in notes[0], "nowhere does not exist" in notes[1]] == [True, True]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "nothing to compare (no run)"),
        (["nowhere"], "nothing to compare"),
        (["--format", "html"], "invalid choice"),
        (["--dif"], "unrecognized arguments: --dif"),
    ],
)
def test_no_runs_and_wrong_flags_are_input_errors(args, message):
    with pytest.raises(InputError) as error:
        compare_module.main(args)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_runs_without_a_report_of_the_split_are_counted(capsys, seeds):
    with pytest.raises(InputError, match="none of 6 runs has a report of split val"):
        compare_module.main(["--split", "val"])
    for path in LOGS.glob("*/*/report.json"):
        report = json.loads(path.read_text()) | {"split": "val"}
        path.with_name("report-val.json").write_text(json.dumps(report))
    assert "val accuracy" in run(capsys, "--split", "val", "--format", "markdown")[0]


def test_different_hardware_is_noted(capsys, make_run):
    make_run(LOGS / "mlp/seed_0", range(10), 0, hardware={"cores": 2})
    make_run(LOGS / "mlp/seed_1", range(10), 1, hardware={"cores": 64})
    assert any("same hardware" in line for line in run(capsys)[1])


def test_an_ensemble_has_no_seed_and_no_training_time(capsys, make_run):
    facts = dict.fromkeys(["epochs", "training_seconds", "parameters"])
    make_run(LOGS / "ensemble/version_0", range(5), seed=None, **facts)
    text, _ = run(capsys, "--format", "markdown")
    assert "| ensemble | - | - | - | 99.50 % (n=1) |" in text


def test_the_plot_is_written(capsys, seeds):
    _, notes = run(capsys, "--plot", "comparison.png")
    assert Path("comparison.png").read_bytes().startswith(b"\x89PNG")
    assert notes == ["deepdigits: plot: comparison.png"]


def test_a_table_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys, deepdigits.commands.compare\n"
        "print({'torch', 'scipy', 'matplotlib', 'lightning'} & {*sys.modules})"
    )
    home = Path(compare_module.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=home
    )
    assert done.stdout.strip() == "set()"


def test_bundled_nets_are_compared_digit_by_digit_under_their_names(capsys):
    out, _ = run(capsys, "cnn", "mlp", "--format", "json")
    found = json.loads(out)
    assert [row["config"] for row in found["configs"]] == ["cnn", "mlp"]
    assert found["evidence"]["mcnemar"] is not None
    assert any("with the trained net cnn and" in line for line in found["evidence"]["sentences"])


def test_compare_from_python(seeds):
    comparison = compare_module.compare()
    assert [group.name for group in comparison.groups] == ["cnn", "mlp"]
    assert [row["errors_per_10000"] for row in comparison.rows] == pytest.approx([110, 320])
    assert comparison.notes == ()
    assert comparison.differences() == {"model.init_args.lr": {"cnn": 0.2, "mlp": 0.1}}
    assert comparison.evidence.welch.difference == pytest.approx(0.021)
    assert comparison.evidence.mcnemar.first_only == 30
    text = comparison.to_markdown()
    assert text.startswith("| config |") and text.endswith(comparison.evidence.sentences[-1])
    comparison.plot("comparison.svg")
    assert "<svg" in Path("comparison.svg").read_text()


def test_python_takes_runs_paths_and_names(seeds):
    runs = [Run(LOGS / "cnn/seed_0"), LOGS / "mlp", "lightning_logs/cnn/seed_1"]
    comparison = compare_module.compare(runs)
    assert [row["n"] for row in comparison.rows] == [2, 3]
    alone = compare_module.compare("lightning_logs/mlp")
    assert len(alone.groups) == 1 and alone.evidence is None


def test_the_error_of_python_carries_the_notes(seeds):
    with pytest.raises(InputError, match="nothing to compare") as error:
        compare_module.compare(LOGS / "mlp", split="val")
    assert len(error.value.__notes__) == 3
    assert "has no report-val.json" in error.value.__notes__[0]


def test_tables_of_several_datasets_are_separate_in_markdown(make_run):
    make_run(LOGS / "mlp/seed_0", range(10), 0)
    make_run(LOGS / "cnn/seed_0", range(300), 2, dataset="fashion_mnist")
    text = compare_module.compare().to_markdown()
    assert "|\n\nmnist, test: 1,000 digits\n\n| config |" in text
