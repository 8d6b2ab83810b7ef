"""Configs of version 0.1 are refused in one line that names the new keys."""

from pathlib import Path

import pytest
import yaml

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.config import RENAMED, parse

CONFIGS = Path(__file__).parents[2] / "configs"


def nested(key: str) -> dict[str, object]:
    """A config with one key; a key of the net is one of LitCNN."""
    *groups, last = key.replace("model.", "model.init_args.").split(".")
    content: dict[str, object] = {last: {}}
    for group in reversed(groups):
        content = {group: content}
    if "model" in content:
        content["model"] = {"class_path": "LitCNN", **content["model"]}  # type: ignore[dict-item]
    return content


@pytest.mark.parametrize("key", RENAMED)
def test_a_renamed_key_is_named_with_its_new_name(key: str) -> None:
    with pytest.raises(InputError, match=rf"in 0\.2, rename {key} to {RENAMED[key]}$"):
        parse(yaml.safe_dump(nested(key)), "old.yaml")
    new = RENAMED[key]
    assert parse(yaml.safe_dump(nested(new)), "new.yaml") == nested(new)


def test_all_renamed_keys_of_a_config_are_named_at_once() -> None:
    text = "{snapshot: {}, data: {images_on: host, augment: {zoom: 0.1}}}"
    with pytest.raises(InputError) as caught:
        parse(text, "old.yaml")
    assert all(
        f"rename {k}" in str(caught.value).replace(", ", ", rename ")
        for k in ("snapshot to", "data.images_on to", "data.augment.zoom to")
    )


def test_a_net_of_the_user_may_have_a_setting_of_that_name() -> None:
    text = "model: {class_path: mine.Net, init_args: {shrink: 2}}"
    assert parse(text, "mine.yaml")["model"]["init_args"] == {"shrink": 2}


@pytest.mark.parametrize(
    ("flag", "new"),
    [
        ("--snapshot.every_n_steps", "--last_checkpoint.every_n_steps"),
        ("--data.augment.shift", "--data.augment.translate"),
        ("--data.images_on", "--data.dataset_device"),
        ("--model.shrink", "--model.downsample"),
        ("--model.shifts", "--model.shift_tta"),
    ],
)
def test_a_renamed_flag_is_named_with_its_new_name(flag: str, new: str) -> None:
    with pytest.raises(InputError, match=f"this option is now {new}$"):
        run(["fit", "-c", str(CONFIGS / "cnn.yaml"), flag, "1"])
