"""The nets of users: subclasses of LitClassifier in a file or a package of theirs.

Their arguments come from the config of the run, not from the checkpoint, which has only text for
some: there a path, the name of an Enum or a layer gets its type again.
"""

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from typing_extensions import override

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.signatures import defaults, parameters
from deepdigits.runs import checkpoint
from deepdigits.runs.data_module import dataset_classes
from deepdigits.runs.found_config import check_settings, model_settings
from deepdigits.runs.references import references
from deepdigits.runs.report import read_report
from deepdigits.runs.trust import is_classifier, trusted_class

BUILD_ERRORS = (
    *(ArgumentError, AttributeError, ImportError, LookupError, OSError),
    *(MemoryError, RuntimeError, TypeError, ValueError),
)
State = Mapping[str, Tensor]


class WholeModule(nn.Module):
    """A LightningModule that does more than its net, as a plain net.

    Args:
        module: Images (B, 1, 28, 28) in [0, 1] -> logits (B, C).
    """

    def __init__(self, module: LightningModule) -> None:
        super().__init__()
        self.module = module

    @override
    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.module(images)
        return logits


def parts(
    config: Mapping[str, Any], folder: Path, path: Path
) -> tuple[str, dict[str, Tensor], dict[str, Any]]:
    """Class path, weights and settings of the net of a run.

    The weights have the names of the plain net. If there are others, or the module computes more
    than its net does, they are those of the whole module.

    Args:
        config: The config of the run.
        folder: The run folder.
        path: The checkpoint.

    Raises:
        InputError: The class is not trusted, a setting is not plain, or a file is damaged.
    """
    class_path: str = model_settings(config, folder)["class_path"]
    net = trusted_class(class_path, folder)
    content = checkpoint.load(path)
    state: State = content["state_dict"]
    prefix = "net." if _is_only_its_net(net, state) else ""
    weights = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return class_path, weights, all_settings(config, net, folder, content)


def all_settings(
    config: Mapping[str, Any], net: type, folder: Path, content: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a net: those of a config, with the number of classes, if it takes that.

    It is that of the dataset. Of another data module only the net itself knows it: from its
    settings, its checkpoint or its report.

    Args:
        config: The config of the run.
        net: The class of the net.
        folder: The run folder.
        content: What the checkpoint holds.
    """
    settings: dict[str, Any] = model_settings(config, folder)["init_args"]
    if "num_classes" not in parameters(net):
        return settings
    if (names := dataset_classes(config, folder)) is not None:
        return {**settings, "num_classes": len(names)}
    saved = content.get("hyper_parameters")
    number = saved.get("num_classes") if isinstance(saved, Mapping) else None
    if type(number) is not int:  # a checkpoint may hold anything that is plain, also a class path
        report = read_report(folder)
        number = None if report is None else len(report["class"])
    return settings if number is None else {"num_classes": number, **settings}


def build_module(net: type, settings: Mapping[str, Any], source: object) -> LightningModule:
    """Build a net from settings that were checked; each gets the type of its argument.

    Args:
        net: The class.
        settings: Its arguments, as in a config.
        source: The run or the file, for errors.

    Raises:
        InputError: The class refuses them.
    """
    parser = ArgumentParser(exit_on_error=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Lightning, on arguments that are modules
            parser.add_class_arguments(net, "net", fail_untyped=False)
            config = parser.parse_object({"net": dict(settings)})
            module: LightningModule = unshared(parser.instantiate_classes(config).net)
    except BUILD_ERRORS as error:
        raise InputError(
            f"the net {net.__qualname__} of {source} cannot be built from its settings "
            f"({one_line(error, 200)}): train anew, or name another run"
        ) from error
    return module


def unshared(module: LightningModule) -> LightningModule:
    """A module that shares no weights with another one of its class.

    A layer or tensor that is the default of an argument is one object for all nets of the process.
    """
    shared = any(isinstance(one, nn.Module | Tensor) for one in defaults(type(module)).values())
    return copy.deepcopy(module) if shared else module


def build_net(
    class_path: str, settings: Mapping[str, Any], state: State, path: Path, folder: Path
) -> nn.Module:
    """The net of a file with its weights, in evaluation mode on the CPU.

    Args:
        class_path: Its class, which must be trusted.
        settings: Arguments of the class, which are checked.
        state: The weights, as `parts` returns them.
        path: The file: a checkpoint in a run folder, or an exported file.
        folder: The folder that the file came with: modules in it are not trusted.

    Raises:
        InputError: The class is not trusted, or refuses the settings, or the weights do not fit.
    """
    net = trusted_class(class_path, folder, source=path)
    check_settings(settings, net, folder, "model", path, references(net, folder))
    module = build_module(net, settings, path)
    plain = module.net if _is_only_its_net(net, module.state_dict()) else module
    assert isinstance(plain, nn.Module)
    checkpoint.check_fits(state, plain, path)
    plain.load_state_dict(state)
    module.eval().requires_grad_(False)
    return WholeModule(module) if plain is module else plain


def _is_only_its_net(net: type, state: State) -> bool:
    """Whether a module is a LitClassifier that computes what its ``net`` does, and no more."""
    forward = next(base for base in net.__mro__ if "forward" in vars(base))
    return is_classifier(forward) and all(name.startswith("net.") for name in state)
