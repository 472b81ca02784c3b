"""A net bound to parameters: a function that losses call, and may bind to others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

Tensors = Mapping[str, Mapping[str, Tensor]]  # role -> name -> tensor


class Bound:
    """`module` as a function of its arguments, at the given parameters and buffers.

    params, buffers: by the names of the module's `named_parameters` and `named_buffers`.
    """

    def __init__(
        self, module: nn.Module, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor] = {}
    ) -> None:
        self.module, self.params, self.buffers = module, dict(params), dict(buffers)

    def __call__(self, *inputs: Tensor) -> Any:
        check_derivatives(self.module)
        tensors = {**self.params, **self.buffers}
        result = functional_call(self.module, tensors, inputs)
        # torch leaves there what the module assigned anew instead of writing on it
        self.buffers = {name: tensors[name] for name in self.buffers}
        return result

    def at(self, params: Mapping[str, Tensor]) -> Bound:
        """The same net at other parameters, for instance those of inner steps."""
        return Bound(self.module, params, self.buffers)

    def aside(self, params: Mapping[str, Tensor]) -> Bound:
        """The net at other parameters with copies of the buffers, to leave its own as they are."""
        return Bound(self.module, params, {k: v.clone() for k, v in self.buffers.items()})


def check_derivatives(module: nn.Module) -> None:
    """Refuse norms within torch.func.grad, whose slopes a loss would then take slopes of.

    `torch.func.vmap` takes their statistics for constants there: gradients of second order are
    wrong and nothing says so (functorch issue 534). The same by S = 1, where they are right.

    Raises:
        ValueError: the net has such a layer.
    """
    if torch.compiler.is_compiling():  # which cannot ask; a dry step of `costs` has asked before
        return
    transforms = torch._C._functorch.get_interpreter_stack() or ()
    if all(t.key() != torch._C._functorch.TransformType.Grad for t in transforms):
        return
    for name, layer in module.named_modules():
        of_batch = isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.training
        if of_batch or isinstance(layer, nn.modules.instancenorm._InstanceNorm | nn.LayerNorm):
            raise ValueError(
                f"{name or 'the net'} is {type(layer).__name__}, through which stacks take wrong "
                "gradients of gradients, as in unrolled steps: use nn.GroupNorm or nn.RMSNorm"
            )


def bind(
    templates: Mapping[str, nn.Module], params: Tensors, buffers: Tensors
) -> dict[str, Bound]:
    """One model's nets as functions, by role; each may write on its copies of the buffers."""
    return {
        role: Bound(
            template, params[role], {k: v.clone() for k, v in buffers.get(role, {}).items()}
        )
        for role, template in templates.items()
    }
