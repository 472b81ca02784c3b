"""A net bound to parameters: a function that losses call, and may bind to others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        return functional_call(self.module, {**self.params, **self.buffers}, inputs)

    def at(self, params: Mapping[str, Tensor]) -> Bound:
        """The same net at other parameters, for instance those of inner steps."""
        return Bound(self.module, params, self.buffers)


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
