"""Random words on the command line: one line, and nothing is written."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import Ledger
from shell import ROOT
from unworkable import UNWORKABLE, WORKABLE

from deepdigits.__main__ import run
from deepdigits.commands.registry import COMMANDS
from deepdigits.core.errors import InputError

MLP = str(ROOT / "configs" / "mlp.yaml")
GROUPS = ("model", "data", "trainer", "checkpoint", "last_checkpoint", "early_stopping", "logger")
TYPED = (
    *("data.batch_size", "data.val_size", "data.eval_batch_size", "data.split_seed"),
    *("data.augment.degrees", "data.augment.scale", "model.lr", "model.dropout", "model.norm"),
    *("model.hidden_sizes", "trainer.max_epochs", "trainer.limit_train_batches", "ema_decay"),
    *(
        "trainer.devices",
        "last_checkpoint.every_n_steps",
        "early_stopping.patience",
        "seed_everything",
    ),
    *("checkpoint.save_top_k", "dashboard.every_n_epochs", "data.dataset", "data.dataset_device"),
)
words = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=12
)
# Texts that no setting accepts, whatever its type.
no_value = words.map(lambda text: f"?{text}").filter(lambda text: "=" not in text)
names = words.map(lambda text: "zz" + "".join(c for c in text if c.isalnum()))
keys = st.sampled_from(TYPED)
unknown_keys = st.builds("{}.{}".format, st.sampled_from(GROUPS), names)
plain = st.none() | st.booleans() | st.integers() | st.floats() | words
trees = st.recursive(
    plain, lambda x: st.lists(x, max_size=3) | st.dictionaries(words, x), max_leaves=8
)

flags = st.builds(lambda key, value: ["--" + key, value], keys, no_value)
unknown = st.builds(lambda key, value: [f"--{key}={value}"], unknown_keys, words)
strays = no_value.map(lambda word: [word])
configs = st.dictionaries(names, trees, min_size=1).map(lambda tree: ["-c", yaml.safe_dump(tree)])
broken = words.map(lambda word: ["-c", f"{{[{word}"])
verbs = st.sampled_from([*COMMANDS, "zz"])
trainings = st.sampled_from(["train", "fit", "repeat"])
# Values that parse. `repeat` takes no seed.
unworkable = st.sampled_from(
    [
        f"--{key}={value}"
        for key in UNWORKABLE
        for value in UNWORKABLE[key]
        if key != "seed_everything"
    ]
)
# Good values next to which a bad one of another option has no effect, or could be good.
NOT_BESIDE = (
    *("trainer.fast_dev_run", "trainer.overfit_batches", "trainer.accelerator", "data.val_size"),
    *("trainer.max_epochs", "trainer.max_steps", "trainer.limit_val_batches", "seed_everything"),
    *("trainer.strategy", "trainer.check_val_every_n_epoch", "trainer.limit_train_batches"),
)
workable = st.sampled_from([(key, value) for key in WORKABLE for value in WORKABLE[key]])


def refused(args: list[str]) -> None:
    for place, word in enumerate(args):
        if args[place - 1] == "-c" and word != MLP:
            Path("typed.yaml").write_text(word)
            args[place] = "typed.yaml"
    before = sorted(Path.cwd().rglob("*"))
    with pytest.raises(InputError) as caught:
        run(args)
    assert str(caught.value).isprintable()
    assert sorted(Path.cwd().rglob("*")) == before


def cannot_work(bad: str, good: tuple[str, str], order: bool) -> list[str]:
    """A bad value, and a good one of another option before or after it."""
    key, value = good
    others = [] if key in NOT_BESIDE or bad.startswith(f"--{key}=") else [f"--{key}={value}"]
    return ["--trainer.accelerator=cpu", *([bad, *others] if order else [*others, bad])]


@pytest.mark.reliability
@pytest.mark.timeout(1200)
def test_random_words_end_in_one_line(ledger: Ledger) -> None:
    cases = 0
    what = "fuzzed command lines and configs: one line, exit code 2, nothing written"
    with ledger(what, 0) as count:

        @settings(max_examples=600, suppress_health_check=list(HealthCheck))
        @given(verb=verbs, bad=flags | unknown | strays | configs | broken)
        def fuzz(verb: str, bad: list[str]) -> None:
            nonlocal cases
            cases += 1
            count(1)
            first = ["-c", MLP, *(["--seeds", "1"] if verb == "repeat" else [])]
            refused([verb, *(first if verb in ("train", "fit", "repeat") else []), *bad])

        fuzz()
    assert cases >= 500


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(bad=flags | unknown | strays | configs | broken)
def test_a_few_random_words_end_in_one_line(bad: list[str]) -> None:
    refused(["fit", "-c", MLP, *bad])


@pytest.mark.reliability
@pytest.mark.timeout(1200)
def test_values_that_cannot_work_end_in_one_line(ledger: Ledger) -> None:
    what = "options with values that parse but cannot work: one line, exit code 2, nothing written"
    with ledger(what, 0) as count:

        @settings(max_examples=400, suppress_health_check=list(HealthCheck))
        @given(verb=trainings, bad=unworkable, good=workable, order=st.booleans())
        def fuzz(verb: str, bad: str, good: tuple[str, str], order: bool) -> None:
            count(1)
            flags = cannot_work(bad, good, order)
            refused([verb, "-c", MLP, *(["--seeds", "1"] if verb == "repeat" else []), *flags])

        fuzz()


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(bad=unworkable, good=workable, order=st.booleans())
def test_a_few_values_that_cannot_work_end_in_one_line(
    bad: str, good: tuple[str, str], order: bool
) -> None:
    refused(["fit", "-c", MLP, *cannot_work(bad, good, order)])
