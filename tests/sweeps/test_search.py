"""One worker in this process: counts, errors, conditions, grids; no training."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest

optuna = pytest.importorskip("optuna", reason="pip install 'deepdigits[sweep]'")

from deepdigits.core.errors import InputError, Interrupted, RunFailed  # noqa: E402
from deepdigits.sweeps import slots, store  # noqa: E402
from deepdigits.sweeps.best import finished, ranked  # noqa: E402
from deepdigits.sweeps.figures import save_figures  # noqa: E402
from deepdigits.sweeps.plan import Plan  # noqa: E402
from deepdigits.sweeps.sampling import draw, make_pruner, make_sampler  # noqa: E402
from deepdigits.sweeps.search import Killed, NotTrained, search  # noqa: E402
from deepdigits.sweeps.space import parse  # noqa: E402
from deepdigits.sweeps.stopping import Stop  # noqa: E402
from deepdigits.sweeps.store import hidden_password, open_study  # noqa: E402
from deepdigits.sweeps.worker import Settings, from_json, to_json  # noqa: E402

SPACE = [parse("x", "0.0..1.0"), parse("n", "1,2"), parse("y", {"range": "0..9", "if": {"n": [2]}})]


@pytest.fixture
def study() -> Iterator[Any]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with open_study("sqlite:///s.db", "s", "maximize", {"a": 1}, Path(), 60) as (study, facts):
        assert facts == {"a": 1}
        study.sampler = make_sampler("tpe", SPACE, 0)
        study.pruner = make_pruner("none", 1)
        yield study


def test_exactly_so_many_are_finished_also_in_two_calls(study: Any) -> None:
    def objective(trial: Any) -> float:
        values = draw(trial, SPACE)
        trial.set_user_attr("values", values)
        assert ("y" in values) == (values["n"] == 2)
        return float(values["x"])

    search(study, objective, 4, 60)
    search(study, objective, 4, 60)
    assert len(finished(study.trials)) == 4
    search(study, objective, 9, 60)
    found = finished(study.trials)
    assert len(found) == len(study.trials) == 9
    assert [one.value for one in ranked(found, True)] == sorted(
        (t.value for t in found), reverse=True
    )
    assert [one.value for one in ranked(found, False)] == sorted(t.value for t in found)


def test_a_trial_that_was_killed_is_done_again_with_the_same_values(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def objective(trial: Any) -> float:
        seen.append(float(draw(trial, SPACE)["x"]))
        if len(seen) == 1:
            raise Killed
        return seen[-1]

    monkeypatch.setattr("deepdigits.sweeps.search.ADDING", 0.0)  # it is looked for at once
    search(study, objective, 2, 60)
    assert len(finished(study.trials)) == 2
    assert seen[0] in seen[1:]
    retried = next(trial for trial in study.trials if slots.history_of(trial))
    assert slots.slot_of(retried) == 0 and retried.params["x"] == seen[0]


def test_a_trial_that_cannot_be_trained_counts_and_five_in_a_row_end_the_search(study: Any) -> None:
    calls = []

    def objective(trial: Any) -> float:
        calls.append(trial.number)
        if len(calls) != 2:
            trial.set_user_attr(slots.ENDED, "no such width")
            raise NotTrained
        return 1.0

    with pytest.raises(RunFailed, match=r"5 trials in a row could not be trained.*no such width"):
        search(study, objective, 20, 60)
    assert len(calls) == 7  # one, the good one, and five
    assert [one.state for one in finished(study.trials)][:2] == ["failed", "complete"]


def test_pictures_are_written_and_no_other_figure_changes(study: Any) -> None:
    search(study, lambda trial: float(draw(trial, SPACE[:2])["x"]), 4, 60)
    before = dict(matplotlib.rcParams)
    files = save_figures(study, "val/accuracy", Path())
    assert files.keys() >= {"history", "slices", "parallel"}
    assert all(path.stat().st_size > 1_000 for path in files.values())
    assert dict(matplotlib.rcParams) == before


def test_a_grid_ends_when_each_setting_was_tried(study: Any) -> None:
    space = [parse("n", "1,2,3"), parse("x", "0..1:0.5")]
    study.sampler = make_sampler("grid", space, None)
    search(study, lambda trial: float(draw(trial, space)["x"]), 9, 60)
    tried = {(trial.params["n"], trial.params["x"]) for trial in study.trials}
    assert tried == {(n, x) for n in (1, 2, 3) for x in (0.0, 0.5, 1.0)}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0.0..1", "no finite number of values"),
        ({"range": "1,2", "if": {"n": [1]}}, "no conditions"),
    ],
)
def test_a_space_without_a_grid_is_refused(text: Any, what: str) -> None:
    with pytest.raises(InputError, match=what):
        make_sampler("grid", [parse("n", "1,2"), parse("x", text)], None)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("nonsense", "is no database"),
        ("postgresqll://me:secret@host/db", r"postgresqll://me:\*\*\*@host/db is no database"),
        ("me:secret@host", r"\*\*\*@host is no database"),
        ("postgresql+psycopg://me:secret@127.0.0.1:xx/db", "is no database"),
        ("nonsense://x", "is no database"),
        ("sqlite:////nowhere/s.db", "cannot be used"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/x", r"me:\*\*\*@127.0.0.1:1/x cannot be used"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_one_line(url: str, what: str) -> None:
    if "psycopg" in url:
        pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    with (
        pytest.raises(InputError, match=what) as caught,
        open_study(url, "s", "maximize", {}, Path(), 60),
    ):
        pass
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@host/db", "mysql://host/db?user=me&password=secret", "://secret@x"],
)
def test_a_password_is_hidden(url: str) -> None:
    assert "secret" not in hidden_password(url)


def test_a_signal_ends_the_wait_for_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        class loaded_dbapi:  # as SQLAlchemy names it
            OperationalError = ConnectionError

        def connect(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            raise ConnectionError

    monkeypatch.setattr(store, "_PAUSE", 0.0)
    with Stop(), pytest.raises(Interrupted) as caught:
        store._connect_again(Refusing(), None, (), {})
    assert caught.value.signum == signal.SIGTERM


def test_the_description_of_a_worker_is_read_as_it_was_written() -> None:
    plan = Plan("s", Path("a/s"), ("-c", "x"), {"a": {"b": 1}}, tuple(SPACE), "val/f1", True, 3)
    settings = Settings("sqlite:///s.db", 3, "tpe", "none", 60)
    assert from_json(to_json(plan, settings)) == (plan, settings)
