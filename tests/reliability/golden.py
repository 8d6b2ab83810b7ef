"""Record or check the results of short fixed-seed runs, which a change of code must not change.

    python tests/reliability/golden.py            compare with golden.json
    python tests/reliability/golden.py --record   add the results of this machine to golden.json

Only the command line and the files of a run folder are used, so the script works with any version
of the package. Weights and probabilities are equal bit by bit only on the same processor with the
same torch: golden.json has one entry for each pair of the two. Elsewhere the texts that are read in
photos must be equal, and figures may differ by `TOLERANCES`.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_suffix(".json")
FIGURES = ("overall", "class", "accuracy", "f1_macro", "loss", "errors", "confusion_matrix")
SHORT = ["--trainer.limit_val_batches", "2", "--trainer.limit_test_batches", "2"]
SHORT += ["--data.eval_batch_size", "500", "--num_threads", "1", "--trainer.accelerator", "cpu"]
SHORT += ["--trainer.precision", "32-true"]
# Augmentation is part of both configs; the MLP adds dropout and averaged weights.
RUNS = {
    "mlp": ["--model.dropout", "0.1", "--ema_decay", "0.95", "--trainer.limit_train_batches", "40"],
    "cnn": ["--trainer.limit_train_batches", "12"],
}
NUM_PHOTOS = 24
# On another processor rounding differs, and after 120 steps a few of 1,000 images tip over. Largest
# differences allowed, by the last part of a figure's name; weights and sums are not compared.
TOLERANCES = {"accuracy": 0.01, "f1_macro": 0.015, "errors": 10, "loss": 0.02}


def machine() -> str:
    """The processor and the version of torch, which decide the last bit of each weight."""
    facts = dict.fromkeys(("model name", "cpu family", "model"), "unknown")
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in facts:
            facts[key.strip()] = value.strip()
    name, family, model = facts.values()
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{name} (family {family}, model {model}, {capability}), torch {torch.__version__}"


def results() -> dict[str, Any]:
    """Train, resume and test both nets, and classify photos with the nets of the package."""
    with TemporaryDirectory() as folder:
        found = {name: _train(name, flags, Path(folder)) for name, flags in RUNS.items()}
        _draw_photos(Path(folder, "photos"))
        for net in ("cnn", "mlp"):
            answers = _deepdigits(
                ["classify", "photos", "--model", net, "--format", "json"], folder
            )
            found[f"classify with {net}"] = {
                "sha256": hashlib.sha256(answers.encode()).hexdigest(),
                "text": [answer["text"] for answer in json.loads(answers)],
            }
        return found


def differences(one: Any, other: Any, name: str = "") -> list[str]:
    """Each value that differs, with its place. What is recorded as null is not known there.

    >>> differences({"mlp": {"errors": 3}}, {"mlp": {"errors": 4}})
    ['mlp.errors: 3, now 4']
    """
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        pairs = [(one.get(key), other.get(key), f"{name}.{key}".strip(".")) for key in keys]
        return [line for pair in pairs for line in differences(*pair)]
    return [] if one is None or one == other else [f"{name}: {one}, now {other}"]


def differences_elsewhere(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """As `differences`, for results of another processor: texts, and figures within `TOLERANCES`.

    >>> differences_elsewhere({"mlp": {"errors": 3}}, {"mlp": {"errors": 4}})
    []
    >>> differences_elsewhere({"mlp": {"errors": 3}}, {"mlp": {"errors": 33}})
    ['mlp.errors: 3, now 33']
    """
    lines = []
    for name in sorted({*one, *other}):
        for key in ("text", *TOLERANCES):
            a, b = (results.get(name, {}).get(key) for results in (one, other))
            within = None not in (a, b) and key != "text" and abs(a - b) <= TOLERANCES[key]
            lines += [] if within else differences(a, b, f"{name}.{key}")
    return lines


def check(found: dict[str, Any]) -> list[str]:
    """Compare results with golden.json: with the entry of this machine, otherwise with each."""
    recorded = json.loads(RECORD.read_text())
    if machine() in recorded:
        return differences(recorded[machine()], found)
    return [line for one in recorded.values() for line in differences_elsewhere(one, found)]


def _train(name: str, flags: list[str], folder: Path) -> dict[str, Any]:
    """Train two epochs and resume for a third; return sums of weights and test figures."""
    run = folder / "lightning_logs" / name / "version_0"
    config = str(ROOT / "configs" / f"{name}.yaml")
    epochs = ["--trainer.max_epochs", "2"]
    _deepdigits(["train", "-c", config, *SHORT, *flags, *epochs], folder)
    _deepdigits(["train", "--resume", str(run), "--trainer.max_epochs", "3"], folder)
    report = json.loads((run / "report.json").read_text())
    sums = {file: _sum(run / "checkpoints" / file) for file in ("best.ckpt", "last.ckpt")}
    return {**sums, **{figure: report[figure] for figure in FIGURES}}


def _sum(path: Path) -> str:
    """SHA-256 of the names and bytes of all weights."""
    digest = hashlib.sha256()
    state = torch.load(path, weights_only=True)["state_dict"]
    for key in sorted(state):
        digest.update(key.encode() + state[key].numpy().tobytes())
    return digest.hexdigest()


def _draw_photos(folder: Path) -> None:
    """Test digits as photos: enlarged, turned, shaded, with noise; some as rows of three."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    data = Path(os.environ["DEEPDIGITS_DATA"], "MNIST", "raw", "t10k-images-idx3-ubyte")
    digits = np.frombuffer(data.read_bytes(), np.uint8, offset=16).reshape(-1, 28, 28)
    for number in range(NUM_PHOTOS):
        size = 3 if number % 4 == 3 else 1
        row = np.concatenate(digits[rng.integers(0, len(digits), size)], axis=1)
        photo = Image.fromarray(255 - row).resize((200 * size, 200), Image.Resampling.BICUBIC)
        photo = photo.rotate(float(rng.uniform(-15, 15)), Image.Resampling.BICUBIC, fillcolor=255)
        shade = np.linspace(rng.uniform(0.6, 1), 1, photo.width)
        noisy = np.asarray(photo) * shade + rng.normal(0, 8, (photo.height, photo.width))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")


def _deepdigits(args: list[str], folder: Path | str) -> str:
    """Run a command line in a folder, on one thread, and return what it prints."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "deepdigits", *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"deepdigits {' '.join(args)} failed:\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Compare with the recorded results, or record those of this machine."""
    os.environ.setdefault("DEEPDIGITS_DATA", str(Path.home() / ".cache" / "deepdigits"))
    found = results()
    if "--record" in sys.argv:
        recorded = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
        recorded[machine()] = found
        RECORD.write_text(json.dumps(recorded, indent=1) + "\n")
        print(f"recorded for {machine()}: {RECORD}")
        return
    lines = check(found)
    exact = machine() in json.loads(RECORD.read_text())
    where = f"for {machine()}" if exact else f"elsewhere, within {TOLERANCES}"
    print("\n".join(lines) or f"all results are as recorded {where}")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
