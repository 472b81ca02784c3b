"""What a net must not have to train right in a stack, whose models are functions of tensors."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.spectral_norm import SpectralNorm


def check_trainable(built: Mapping[str, nn.Module]) -> None:
    """Refuse nets that would train wrong, or fail obscurely, with what to use instead.

    Batch norm, by the batch's statistics or by running ones, and spectral norm train right: their
    buffers are state of the stack.

    Args:
        built: the nets of one model by role.

    Raises:
        ValueError: a weight that stands in two places or asks for no gradient, dropout, torch's
            spectral norm, or a layer without a shape yet.
    """
    seen: dict[int, str] = {}
    for role, net in built.items():
        for name, parameter in net.named_parameters(remove_duplicate=False):
            place = f"{role}.{name}"
            if not parameter.requires_grad:
                raise ValueError(
                    f"{place} asks for no gradient, and a stack would train it all the same: "
                    "register it as a buffer, or let it ask, in a net that no player moves"
                )
            if id(parameter) in seen:
                raise ValueError(
                    f"{place} and {seen[id(parameter)]} are one tied weight, which a stack would "
                    "train as two: register the shared layer once and call it twice, or make it "
                    "a net of a role of its own that both use"
                )
            seen[id(parameter)] = place
        for name, layer in net.named_modules():
            if isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0:
                raise ValueError(
                    f"{role}.{name} is {type(layer).__name__}, whose random numbers come from no "
                    "seed's stream: declare a mask as an Input of the recipe and multiply by it, "
                    "or leave the layer out"
                )
            hooks = layer._forward_pre_hooks.values()
            if any(isinstance(hook, SpectralNorm) for hook in hooks) or isinstance(
                layer, parametrizations._SpectralNorm
            ):
                raise ValueError(
                    f"{role}.{name} is torch's own spectral norm, which vmap cannot lift: use "
                    "nets.spectral.spectral_norm, which gives the same numbers"
                )
            if isinstance(layer, nn.modules.lazy.LazyModuleMixin):
                raise ValueError(
                    f"{role}.{name} is {type(layer).__name__}, whose weights have no shape yet: "
                    "give the layer its sizes"
                )
