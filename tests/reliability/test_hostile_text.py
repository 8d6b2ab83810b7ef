"""A stranger's run: the terminal and each file show its texts as they are, and true figures."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from ledger import Ledger
from tampering import RUN, update_sums

from deepdigits import compare, load
from deepdigits.__main__ import run
from deepdigits.runs.run import Run

pytestmark = pytest.mark.usefixtures("downloaded", "served")
HOSTILE = "a\x1b[31mE\u202e\u200b|<script>alert(1)</script>`$x_{$\n# b [c](http:d)"
FOLDER = Path("runs", HOSTILE.replace("/", ""), "seed_0")
READERS = {
    "compare": ["compare", "runs"],
    "compare --format markdown": ["compare", "runs", "--format", "markdown"],
    "compare --format csv": ["compare", "runs", "--format", "csv"],
    "compare --diff": ["compare", "runs", "--diff"],
    "compare --plot": ["compare", "runs", "--plot", "plot.svg"],
    "report": ["report", str(FOLDER)],
    "predict": ["predict", "--ckpt_path", str(FOLDER)],
    "ensemble": ["ensemble", str(FOLDER), "mlp"],
    "export": ["export", str(FOLDER), "--to", "safetensors", "--folder", "exported"],
    "classify": ["classify", "--model", str(FOLDER), "photos", "--show", "shown.svg"],
}


@pytest.fixture
def hostile(downloaded: Path, photo: Path) -> None:
    """Runs with hostile names and facts, and a photo with a hostile name."""
    for folder in (FOLDER, Path("runs/other/seed_0")):
        shutil.copytree(downloaded, folder)
    report = json.loads((FOLDER / "report.json").read_text())
    facts = dict.fromkeys(("git_commit", "model", "checkpoint"), HOSTILE)
    facts |= {"hardware": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}}
    (FOLDER / "report.json").write_text(json.dumps(report | facts))
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    config["model"]["init_args"]["lr"] = 0.5
    config["logger"]["name"] = HOSTILE
    (FOLDER / "config.yaml").write_text(yaml.safe_dump(config))
    Path("photos").mkdir()
    shutil.copy(photo, Path("photos", HOSTILE.replace("/", "") + ".png"))


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("reader", READERS)
def test_text_of_a_stranger_stays_text(
    reader: str, capfd: pytest.CaptureFixture[str], ledger: Ledger
) -> None:
    with ledger("hostile names and facts of a run: printed and written as plain text"):
        run(READERS[reader])
        printed = capfd.readouterr()
        cards = [path.read_text() for path in Path().rglob("*.md")]
        pictures = [path.read_text() for path in Path().glob("*.svg")]
        for text in (printed.out, printed.err, *cards, *pictures):
            assert all(line.isprintable() for line in text.split("\n")), text
        assert not any("<script" in text for text in (*cards, *pictures))
        prose = [re.sub("^```.*?^```", "", text, flags=re.M | re.S) for text in cards]
        assert not any(re.search(r"(?<!\\)\]\(", text) for text in prose)


def test_figures_of_a_stranger_come_from_the_matrix(ledger: Ledger) -> None:
    with ledger("report.json that contradicts itself: the figures of its confusion matrix", 4):
        path = Path(RUN, "report.json")
        report = json.loads(path.read_text())
        truth = report["accuracy"]
        assert truth < 1
        path.write_text(json.dumps(report | {"accuracy": 1.0, "errors": 0, "f1_macro": 7.0}))
        update_sums()
        (row,) = compare(RUN).rows
        assert (row["accuracy_mean"], row["f1_macro"]) == (truth, report["f1_macro"])
        assert Run(Path(RUN)).report.errors == report["errors"]
        assert load(RUN).report["accuracy"] == truth
        run(["export", RUN, "--to", "safetensors", "--folder", "exported"])
        (card,) = Path("exported").glob("*.md")
        assert f"accuracy: {100 * truth:.2f} %" in card.read_text()
