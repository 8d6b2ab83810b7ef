"""A malicious config.yaml in a downloaded run: nothing that it names is imported."""

from collections.abc import Callable
from pathlib import Path

import pytest
from entry_points import BY_CONFIG, OWN_CONFIG, all_pairs, error_line, open_run
from ledger import Ledger
from tampering import Content, edit_config

from deepdigits.__main__ import run
from deepdigits.runs import config_safety

pytestmark = pytest.mark.usefixtures("blank_figures", "downloaded", "photo", "served")
PROOF = "hostile config.yaml at an entry point: one line, or not read; nothing is imported"
TEST = BY_CONFIG["test"]


def net(value: object) -> Callable[[Content], object]:
    return lambda config: config.update(model=value)


def net_class(path: str) -> Callable[[Content], object]:
    return lambda config: config["model"].update(class_path=path)


def callback(path: str, **init: str) -> Callable[[Content], object]:
    return trainer(callbacks=[{"class_path": path, "init_args": init}])


def trainer(**settings: object) -> Callable[[Content], object]:
    return lambda config: config["trainer"].update(settings)


def nested(config: Content) -> None:
    config["model"]["init_args"].update(norm={"class_path": "evil.Net"})


NETS = {
    "net": net_class("evil.Net"),
    "net in short": net("evil.Net"),
    "net in a further config": net("other.yaml"),
    "net from the run folder": net_class("downloaded.net.Net"),
    "net through a package of here": net_class("deepdigits.training.cli.os.system"),
}
OTHERS = {
    "nested net": nested,
    "callback": callback("evil.Net"),
    "callback in short": trainer(callbacks=["evil.Net"]),
    "function of a callback": callback(
        "lightning.pytorch.callbacks.LambdaCallback", setup="evil.run"
    ),
    "logger": trainer(logger={"class_path": "evil.Net"}),
    "strategy": trainer(strategy="evil.Net"),
    "plugin": trainer(plugins=[{"class_path": "evil.Net"}]),
    "augment": lambda config: config["data"].update(augment={"class_path": "evil.Net"}),
}


@all_pairs([*NETS, *OTHERS])
def test_nothing_that_a_downloaded_config_names_is_imported(
    kind: str, entry: str, canary: Path, ledger: Ledger
) -> None:
    with ledger(PROOF):
        edit_config({**NETS, **OTHERS}[kind])
        if entry in BY_CONFIG:
            assert "config.yaml" in error_line(entry)
        elif kind in NETS and entry not in OWN_CONFIG:
            assert "only LitCNN and LitMLP are loaded by name" in error_line(entry)
        else:  # this entry point does not read it
            open_run(entry)
        assert not canary.exists()


def test_without_the_check_it_would_be_imported(
    canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_config(NETS["net"])
    monkeypatch.setattr(config_safety, "check_config_imports", lambda *args: None)
    run(TEST)
    assert canary.exists()


def test_net_that_the_user_names_is_built(canary: Path) -> None:
    edit_config(NETS["net"])
    run([*TEST, "--model", "evil.Net"])
    assert canary.exists()


def test_net_that_the_users_own_config_names_is_built(canary: Path) -> None:
    edit_config(NETS["net"])
    Path("mine.yaml").write_text("model: {class_path: evil.Net}\n")
    run([*TEST, "-c", "mine.yaml"])
    assert canary.exists()
