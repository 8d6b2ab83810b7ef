"""The model card of an exported file: what it is, how good, its limits, how to load it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepdigits import __version__
from deepdigits.core.modules import VARIABLE
from deepdigits.core.text import code_text, markdown_text
from deepdigits.metrics.report import Report
from deepdigits.runs.model_info import ModelInfo

_LOADING = {
    "onnx": """\
```python
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession({file})
images = np.zeros((5, 1, 28, 28), np.float32)  # yours, in [0, 1]
(logits,) = session.run(["logits"], {{"images": images}})
names = json.loads(session.get_modelmeta().custom_metadata_map["class_names"])
print([names[label] for label in logits.argmax(1)])
```""",
    "torch": """\
```python
import torch

net = torch.export.load({file}).module()
images = torch.zeros(5, 1, 28, 28)  # yours, in [0, 1]
print(net(images).softmax(dim=1))
```""",
    "safetensors": """\
```python
import torch
from deepdigits import load

net = load({file})
images = torch.zeros(5, 1, 28, 28)  # yours, in [0, 1]
print(net(images))  # probabilities
```

Other programs find the settings of the net as JSON in the file's metadata, under `deepdigits`.""",
}


def to_markdown(file: str, form: str, info: ModelInfo, checks: Sequence[str]) -> str:
    """The model card.

    Args:
        file: Name of the exported file.
        form: onnx, torch or safetensors.
        info: Description of the net.
        checks: What was measured on the file itself, a sentence each.
    """
    names = ", ".join(info.class_names)
    classes = len(info.class_names)
    kind = "handwritten characters" if "dataset" in info.data else "images"
    return "\n\n".join(
        [
            f"# {markdown_text(file)}",
            f"{_title(info)}: {kind} of 28x28 pixels as one of {classes} classes: "
            f"{markdown_text(names)}.",
            "**In**: `images`, float32 (batch, 1, 28, 28), 0 for the page and 1 for full ink; no "
            f"further normalising. **Out**: `logits`, float32 (batch, {classes}); their softmax "
            "gives probabilities.",
            "## How to load it",
            _loading(file, form, info),
            "## Checks of this file",
            "\n".join(f"- {markdown_text(check)}" for check in checks),
            "## How good the net is",
            _figures(info.report),
            "## Limits",
            f"{_limits(info)}\n",
        ]
    )


def _title(info: ModelInfo) -> str:
    """The net with its settings, such as ``CNN of deepdigits 0.2.0 (channels [24, 48])``."""
    listed = ", ".join(f"{name} {_shown(value)}" for name, value in info.settings.items())
    name = info.net.removeprefix("Lit")
    made = f"{name}, trained with" if _own_modules(info) else f"{name} of"
    return markdown_text(f"{made} deepdigits {__version__} ({listed})")


def _shown(value: Any) -> str:
    if not (isinstance(value, Mapping) and "class_path" in value):
        return str(value)
    settings = ", ".join(f"{k}={_shown(one)}" for k, one in value.get("init_args", {}).items())
    return f"{value['class_path']}({settings})"


def _loading(file: str, form: str, info: ModelInfo) -> str:
    """How to load the file."""
    text = _LOADING[form].format(file=code_text(file))
    modules = _own_modules(info)
    if form != "safetensors" or not modules:
        return text
    listed = markdown_text(", ".join(modules))
    return (
        f"{text}\n\n`load` builds the net with its class, so it must find and trust the code: set "
        f"the environment variable {VARIABLE} to {listed}."
    )


def _own_modules(info: ModelInfo) -> list[str]:
    """The packages and files of users that hold the classes of a net."""
    paths = [info.net, *_class_paths(list(info.settings.values()))]
    tops = {path.partition(".")[0] for path in paths if "." in path}
    return sorted(tops - {"torch", "deepdigits"})


def _class_paths(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(path := value.get("class_path"), str):
            yield path
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        yield from _class_paths(inner)


def _figures(report: Mapping[str, Any]) -> str:
    """Dataset, training and the table of the report."""
    if not report:
        return "The net was exported before it was tested: there are no figures."
    measured = Report.from_dict(dict(report))
    seconds = report.get("training_seconds")
    facts = {
        "data": f"{report.get('dataset')}, split {report.get('split')}",
        "accuracy": f"{100 * measured.accuracy:.2f} % ({measured.errors} errors in "
        f"{measured.num_samples:,})",
        "mean cross-entropy": None if measured.loss is None else f"{measured.loss:.4f}",
        "parameters": f"{report['parameters']:,}" if "parameters" in report else None,
        "trained": f"{report['epochs']} epochs" if "epochs" in report else None,
        "training seconds": None if seconds is None else f"{seconds:.0f}",
        "seed": report.get("seed"),
    }
    known = {name: str(value) for name, value in facts.items() if value is not None}
    lines = [f"- {name}: {markdown_text(value)}" for name, value in known.items()]
    return "\n".join(lines) + "\n\n" + measured.to_markdown()


def _limits(info: ModelInfo) -> str:
    report = info.report
    confused = Report.from_dict(dict(report)).most_confused(3) if report else []
    pairs = ", ".join(f"{true} taken for {wrong} ({n})" for true, wrong, n in confused)
    common = f" Its most common mistakes: {pairs}." if pairs else ""
    if "dataset" not in info.data:
        return (
            "The net predicts one of its classes for every image, also for one of none of them, "
            "and often with high confidence. It expects images like those it was trained on."
            f"{markdown_text(common)}"
        )
    return (
        "The net predicts one of its classes for every image, also for a letter or a blot, and "
        "often with high confidence. It expects images like those it was trained on: one "
        "character, light on dark, upright, scaled into a box of 20x20 pixels and centred by mass; "
        "`deepdigits classify` brings photos into that form. Its figures hold for the writers of "
        f"its dataset; for other writers and pens they are lower.{markdown_text(common)}"
    )
