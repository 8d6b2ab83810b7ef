"""``deepdigits sweep``: arguments, one short search of real trainings, and its confirmation."""

from pathlib import Path

import pytest
import yaml

optuna = pytest.importorskip("optuna", reason="pip install 'deepdigits[sweep]'")

from scipy import stats  # noqa: E402

import deepdigits  # noqa: E402
from deepdigits.__main__ import run  # noqa: E402
from deepdigits.commands.confirmation import Confirmation, Confirmed, holm  # noqa: E402
from deepdigits.comparison.statistics import summary  # noqa: E402
from deepdigits.core import packages  # noqa: E402
from deepdigits.core.errors import InputError  # noqa: E402
from deepdigits.sweeps.best import Trial  # noqa: E402

SHORT = {
    "trainer.limit_train_batches": 5,
    "trainer.max_epochs": 2,
    "trainer.log_every_n_steps": 5,
    "model.hidden_sizes": [8],
    "num_threads": 1,
}
FOLDER = Path("lightning_logs/mlp-sweep")


def test_a_search_of_trainings_with_its_confirmation(capsys: pytest.CaptureFixture[str]) -> None:
    space = {"model.lr": "log:1e-3..1e-1", "model.norm": "true,false"}
    made = deepdigits.sweep("mlp", space, 3, SHORT, pruner="none", confirm=1, seeds=2, jobs=2)
    out = capsys.readouterr().out
    assert len(made.trials) == 3 and all(trial.state == "complete" for trial in made.trials)
    for trial in made.trials:
        trained = deepdigits.Run(FOLDER / f"trial_{trial.number:03d}")
        assert trial.value == pytest.approx(trained.metrics["val/accuracy"].max())
        settings = trained.config["model"]["init_args"]
        assert settings["lr"] == trial.values["model.lr"]
        assert settings["norm"] == trial.values["model.norm"]
        assert not (trained.folder / "report.json").exists()  # the test images are not read
    best = max(made.trials, key=lambda trial: trial.value or 0)
    assert made.best[0] == best
    content = yaml.safe_load(made.files["best"].read_text())
    assert content["model"]["init_args"]["lr"] == best.values["model.lr"]
    assert {"history", "slices"} <= made.files.keys()
    assert made.confirmation is not None
    assert made.confirmation.base.n == made.confirmation.trials[0].accuracy.n == 2
    runs = sorted(str(p.parent) for p in FOLDER.glob("confirm/*/*/report.json"))
    assert len(runs) == 4
    assert "3 trials finished: 3 complete" in out
    again = deepdigits.sweep("mlp", space, 3, SHORT, pruner="none", confirm=0)
    assert again.trials == made.trials and "3 of 3 trials are finished already" in (
        capsys.readouterr().out
    )
    with pytest.raises(InputError, match=r"begun with other settings.*model.lr was"):
        deepdigits.sweep("mlp", {"model.lr": "1e-3..1e-1"}, 3, SHORT, confirm=0)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "nothing is searched"),
        (["--param", "model.lr"], "expected KEY=RANGE"),
        (["--param", "model.lrr=0.1,0.2"], "lrr"),
        (["--param", "model.lr=0.1,-1"], "lr is -1"),
        (["--param", "data.batch_size=1..90000"], "batch_size is 90000"),
        (["--param", "model.lr=0.1,0.2", "--trials", "0"], "trials is 0, expected 1 or more"),
        (["--param", "model.lr=0.1,0.2", "--confirm", "-1"], "confirm is -1, expected 0 or more"),
        (["--param", "model.lr=0.1,0.2", "--metric", "test/accuracy"], "of the validation"),
        (["--param", "model.lr=0.1,0.2", "--storage", "x"], "is no database"),
        (["--param", "model.lr=0.1,0.2", "--resume", "latest"], "leave out --resume"),
        (["--param", "model.lr=0.1..0.2", "--sampler", "grid"], "no finite number of values"),
    ],
)
def test_wrong_input_is_one_line_and_nothing_is_trained(words: list[str], what: str) -> None:
    with pytest.raises(InputError) as caught:
        run(["sweep", "-c", "mlp", "--trials", "2", *words])
    assert what in str(caught.value) and str(caught.value).isprintable()
    assert not list(Path().rglob("config.yaml"))


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packages.EXTRAS, "sweep", ("no_such_package",))
    with pytest.raises(InputError, match=r"pip install 'deepdigits\[sweep\]'"):
        run(["sweep", "-c", "mlp", "--trials", "2", "--param", "model.lr=0.1,0.2"])


def test_p_values_are_adjusted_by_the_method_of_holm() -> None:
    ps = [0.04, 0.001, 0.5, 0.02]
    adjusted = holm(ps)
    # Independent: each hypothesis is rejected at a level as Holm's step-down procedure rejects it.
    for level in (0.003, 0.01, 0.05, 0.07, 0.1, 0.2, 0.6):
        rejected = set()
        for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
            if ps[place] > level / (len(ps) - rank):
                break
            rejected.add(place)
        assert {place for place, p in enumerate(adjusted) if p <= level} == rejected


def test_a_gain_is_named_only_if_it_is_confirmed() -> None:
    base, better = [0.980, 0.981, 0.979], [0.985, 0.986, 0.984]
    p = float(stats.ttest_ind(better, base, equal_var=False).pvalue)
    trial = Trial(4, "complete", 0.99, {"model.lr": 0.02})
    one = Confirmed(trial, summary(better), None, p)
    confirmed = Confirmation(Path("c"), summary(base), (one,))
    assert confirmed.better == one
    assert "trial 4 is confirmed to be better" in "\n".join(confirmed.lines())
    assert "+0.500 points" in "\n".join(confirmed.lines())
    for p, accuracy in ((0.2, better), (0.001, [0.9, 0.91, 0.89])):
        none = Confirmation(
            Path("c"), summary(base), (Confirmed(trial, summary(accuracy), None, p),)
        )
        assert none.better is None and "no gain is confirmed" in "\n".join(none.lines())
