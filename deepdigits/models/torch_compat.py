"""The uses of private names of torch outside of trainings, each with its reason.

Read in torch 2.14.1; `deepdigits.training.lightning_compat` has those of trainings.
"""

import torch
from torch import Tensor
from torch.export import ExportedProgram


def assume_not_empty(tensor: Tensor) -> None:
    """Let torch.export trace a graph for tensors of one row or more.

    ``torch._check``: its documentation names no public function for that.
    """
    torch._check(tensor.shape[0] > 0)


def remove_assertions(program: ExportedProgram) -> None:
    """Let an exported graph take what it was not traced for, such as an empty tensor.

    ``aten._assert_scalar`` is what ``torch._check`` leaves in the graph.
    """
    for node in list(program.graph.nodes):
        if node.target is torch.ops.aten._assert_scalar.default:
            program.graph.erase_node(node)
    program.graph.eliminate_dead_code()
