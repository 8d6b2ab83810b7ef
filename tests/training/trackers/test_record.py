"""What a run folder says about its trackers."""

import json

import pytest

from deepdigits.training.trackers.record import TRACKERS, forget_ids, keep_id, kept_id


def test_each_logger_has_a_run_of_its_own(tmp_path):
    keep_id(tmp_path, "MLFlowLogger", 1, "b2")
    keep_id(tmp_path, "WandbLogger", 0, "w")
    keep_id(tmp_path, "MLFlowLogger", 1, "b3")
    assert json.loads((tmp_path / TRACKERS).read_text()) == {
        "MLFlowLogger": [None, "b3"],
        "WandbLogger": ["w"],
    }
    found = [kept_id(tmp_path, "MLFlowLogger", position) for position in range(3)]
    assert found == [None, "b3", None]
    forget_ids(tmp_path)
    assert kept_id(tmp_path, "WandbLogger", 0) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"A": "x"}', '{"A": [["x"]]}', '{"A": ["../x"]}', '{"A": ["a b"]}'),
        *('{"A": ["-x"]}', '{"A": ["https://evil"]}', f'{{"A": ["{"x" * 129}"]}}', '{"A": {}}'),
    ],
)
def test_anything_but_a_plain_id_is_ignored_and_replaced(text, tmp_path):
    (tmp_path / TRACKERS).write_text(text)
    assert kept_id(tmp_path, "A", 0) is None
    keep_id(tmp_path, "A", 0, "mine")
    assert kept_id(tmp_path, "A", 0) == "mine"
