"""The description of a trained net: settings, dataset, class names and report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.text import printable_values
from deepdigits.runs import report

STAND_IN = "mnist"  # whose images take the place of images that are not known


@dataclass(frozen=True)
class ModelInfo:
    """The description of a trained net, as exported files carry it.

    Attributes:
        net: Its LightningModule: LitCNN, LitMLP, or the class path of a user's own.
        settings: Arguments of the plain net, such as ``hidden_sizes`` and ``num_classes``; of a
            user's own net those of its LightningModule, as in a config.
        data: Its dataset and split: ``dataset``, ``val_size`` and ``split_seed``.
        class_names: Name of each class.
        report: Content of its report.json; empty if it was not tested.
    """

    net: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    class_names: tuple[str, ...]
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digits(self) -> dict[str, Any]:
        """Dataset and split for `load_split`: MNIST for a data module of the user's own."""
        return {**self.data, "dataset": str(self.data.get("dataset", STAND_IN))}

    def __post_init__(self) -> None:
        """Check that the report is of as many classes as the net.

        Raises:
            InputError: It is not.
        """
        tested = len(self.report.get("class", self.class_names))
        if tested != len(self.class_names):
            raise InputError(
                f"the report of {self.net} is of {tested} classes, expected "
                f"{len(self.class_names)}: test the run again"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON.

        >>> ModelInfo("LitMLP", {"num_classes": 2}, {}, ("0", "1")).to_dict()["class_names"]
        ['0', '1']
        """
        return asdict(self) | {"class_names": list(self.class_names)}

    @classmethod
    def from_dict(cls, content: Any, source: object) -> "ModelInfo":
        """Check and take over what `to_dict` returned.

        Args:
            content: Read from a file, perhaps a stranger's.
            source: The file, for errors.

        Raises:
            InputError: A value is missing or of another type, or the report is impossible.

        >>> ModelInfo.from_dict({"net": "LitMLP"}, "mlp.safetensors")
        Traceback (most recent call last):
        deepdigits.core.errors.InputError: mlp.safetensors does not describe its net: settings is \
missing
        """
        try:
            for name, kind in _KINDS.items():
                if not isinstance(content[name], kind):
                    raise TypeError(f"{name} is {str(content[name])[:40]}")
            if not all(isinstance(name, str) for name in content["class_names"]):
                raise TypeError("a class name is not text")
        except (KeyError, TypeError) as error:
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else one_line(error)
            raise InputError(f"{source} does not describe its net: {what}") from error
        values = printable_values({name: content[name] for name in _KINDS})
        names = tuple(values["class_names"])
        if len(set(names)) < len(names):
            raise InputError(f"{source} does not describe its net: it names a class twice")
        if content["report"]:
            values["report"] = report.recomputed(content["report"], source)
        return cls(**values | {"class_names": names})


_KINDS: Mapping[str, type] = {
    **{"net": str, "settings": dict, "data": dict},
    **{"class_names": list, "report": dict},
}
