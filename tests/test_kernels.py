"""The other routes to a convolution give the library's numbers, gradients, stacks and weights."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from disentangled.nets import NETS, kernels

LAYERS = [
    (kernels.Conv2d, nn.Conv2d, 1, 32, 4),
    (kernels.Conv2d, nn.Conv2d, 3, 8, 2),
    (kernels.Conv2d, nn.Conv2d, 32, 8, 4),
    (kernels.ConvTranspose2d, nn.ConvTranspose2d, 32, 1, 4),
    (kernels.ConvTranspose2d, nn.ConvTranspose2d, 8, 3, 2),
    (kernels.ConvTranspose2d, nn.ConvTranspose2d, 8, 16, 4),
]
NAMES = [f"{ours.__name__} {before}-{after}" for ours, _, before, after, _ in LAYERS]
each_layer = pytest.mark.parametrize(("ours", "theirs", "before", "after", "kernel"), LAYERS,
                                     ids=NAMES)  # fmt: skip


def twins(ours, theirs, before, after, kernel):
    """Our layer and the library's from one seed, with an odd picture and a gradient for both."""
    layers = []
    for layer in (ours, theirs):
        torch.manual_seed(3)
        layers.append(layer(before, after, kernel, 2, 1).double())
    x = torch.randn(5, before, 10, 6, dtype=torch.float64)
    return *layers, x, torch.randn_like(layers[1](x))


def gradients(layer, x, g):
    """Output and gradients with respect to the input and the parameters."""
    x = x.clone().requires_grad_()
    y = layer(x)
    return [y, *torch.autograd.grad(y, [x, *layer.parameters()], g)]


@each_layer
def test_values_and_gradients(ours, theirs, before, after, kernel):
    a, b, x, g = twins(ours, theirs, before, after, kernel)
    for mine, other in zip(gradients(a, x, g), gradients(b, x, g), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


@each_layer
def test_same_parameters_from_the_same_seed(ours, theirs, before, after, kernel):
    a, b, *_ = twins(ours, theirs, before, after, kernel)
    assert list(a.state_dict()) == list(b.state_dict())
    for mine, other in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(mine, other)


@each_layer
def test_a_stack_is_its_layers_side_by_side(ours, theirs, before, after, kernel):
    layer, _, x, g = twins(ours, theirs, before, after, kernel)
    stack = {k: torch.stack([v.detach(), 2 * v.detach()]) for k, v in layer.named_parameters()}
    stack = {k: v.requires_grad_() for k, v in stack.items()}
    xs = torch.stack([x, x.flip(0)]).requires_grad_()

    def lifted(params, x):
        return functional_call(layer, params, (x,))

    y = vmap(lifted)(stack, xs)
    together = torch.autograd.grad(y, [xs, *stack.values()], torch.stack([g, -g]))
    for i, sign in enumerate((1, -1)):
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                parameter.copy_(stack[name][i])
        alone, *separate = gradients(layer, xs[i].detach(), sign * g)
        torch.testing.assert_close(y[i], alone, rtol=1e-12, atol=1e-12)
        for mine, other in zip(together, separate, strict=True):
            torch.testing.assert_close(mine[i], other, rtol=1e-12, atol=1e-12)


@each_layer
def test_autocast_rounds_no_worse(ours, theirs, before, after, kernel):
    """Errors of bf16 against float64, ours and the library's: of one size, gradients included."""
    a, b, x, g = twins(ours, theirs, before, after, kernel)
    exact = [v.detach() for v in gradients(b, x, g)]
    errors = []
    for layer in (a.float(), b.float()):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = layer(part := x.float().requires_grad_())
        seen = [y.detach(), *torch.autograd.grad(y, [part, *layer.parameters()], g.to(y.dtype))]
        assert [v.dtype for v in seen[1:]] == [torch.float32] * 3
        errors.append([float((v - e).norm() / e.norm()) for v, e in zip(seen, exact, strict=True)])
    for mine, other in zip(*errors, strict=True):
        assert mine < 1.5 * other + 1e-3 < 0.02


@pytest.mark.parametrize("name", ["burgess_conv", "dlib_conv", "kim_mnih_conv", "conv_small"])
def test_whole_nets_equal_plain_layers(name):
    """The nets, and the same with the library's layers in their place."""
    torch.manual_seed(0)
    shape = (1, 32, 32)
    for build, x in ((NETS[name].encoder, torch.rand(4, *shape)),
                     (NETS[name].decoder, torch.randn(4, 6))):  # fmt: skip
        net = build(shape, 6)
        got = net(x)
        for layer in net.modules():
            if isinstance(layer, kernels.Conv2d | kernels.ConvTranspose2d):
                layer.__class__ = type(layer).__bases__[0]
        torch.testing.assert_close(got, net(x), rtol=1e-5, atol=1e-5)
