"""Short fixed-seed runs give the results of golden.json."""

import copy
import json

import golden
import pytest
from ledger import Ledger


@pytest.mark.reliability
@pytest.mark.timeout(1200)
def test_short_runs_give_the_recorded_results(ledger: Ledger) -> None:
    with ledger("fixed-seed runs and photos: the results of golden.json", len(golden.RUNS) + 2):
        assert golden.check(golden.results()) == []


@pytest.mark.parametrize("differences", [golden.differences, golden.differences_elsewhere])
@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("mlp", "accuracy", 0.5), ("cnn", "errors", 999), ("classify with cnn", "text", ["7"])],
)
def test_changed_result_is_found(differences, name, key, value) -> None:
    (recorded, *_) = json.loads(golden.RECORD.read_text()).values()
    changed = copy.deepcopy(recorded)
    changed[name][key] = value
    assert differences(recorded, recorded) == []
    (line,) = differences(recorded, changed)
    assert line.startswith(f"{name}.{key}: ") and line.endswith(f", now {value}")


def test_changed_weight_is_found_on_the_same_machine_only() -> None:
    (recorded, *_) = json.loads(golden.RECORD.read_text()).values()
    changed = copy.deepcopy(recorded)
    changed["mlp"]["best.ckpt"] = "0"
    assert len(golden.differences(recorded, changed)) == 1
    assert golden.differences_elsewhere(recorded, changed) == []
    changed.pop("mlp")
    assert golden.differences_elsewhere(recorded, changed)  # a missing result is a difference
