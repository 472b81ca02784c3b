"""Split encoders: what an axis' own layers read, parameter counts, and initial weights."""

import pytest
import torch

from disentangled.nets import NETS, conv, split

SPLIT = [name for name in NETS if "_split_" in name]


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("plan", "printed"), [(split.DLIB, conv.dlib_encoder), (split.SMALL, conv.small_encoder)]
)
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 64)])
def test_the_plans_are_the_vanilla_encoders(plan, printed, shape):
    torch.manual_seed(0)
    ours = split.encoder(shape, 6, plan)
    torch.manual_seed(0)
    theirs = printed(shape, 6)
    theirs.load_state_dict(ours.state_dict())  # the same names and shapes
    x = torch.rand(2, *shape)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("name", SPLIT)
def test_an_axis_reads_shared_layers_and_its_own_only(name):
    """Of the gradient of one axis' mean, only this axis' share of every private layer is not 0."""
    torch.manual_seed(0)
    n_axes = 4
    net = NETS[name].encoder((1, 32, 32), n_axes)
    mean, logvar = net(torch.rand(8, 1, 32, 32))
    assert mean.shape == logvar.shape == (8, n_axes)
    (mean[:, 1].sum() + logvar[:, 1].sum()).backward()
    for parameter in net.private.parameters():
        by_axis = parameter.grad.reshape(n_axes, -1).abs().sum(1)
        assert by_axis[1] > 0
        assert by_axis[[0, 2, 3]].eq(0).all()
    assert all(parameter.grad.abs().sum() > 0 for parameter in net.trunk.parameters())


def by_hand(net, axis, x, depth):
    """The private layers of one axis, applied as plain layers."""
    h = net.trunk(x)
    for layer in net.private:
        if isinstance(layer, split.Apart):
            h = h @ layer.weight[axis] + layer.bias[axis]
        elif isinstance(layer, torch.nn.Linear):
            weight = layer.weight.unflatten(0, (-1, layer.out_features // 4))[axis]
            h = h @ weight.T + layer.bias.unflatten(0, (4, -1))[axis]
        elif isinstance(layer, torch.nn.Conv2d):
            weight, bias = (v.unflatten(0, (4, -1))[axis] for v in (layer.weight, layer.bias))
            h = torch.nn.functional.conv2d(h, weight, bias, layer.stride, layer.padding)
        elif isinstance(layer, torch.nn.ReLU):
            h = h.relu()
        elif isinstance(layer, torch.nn.Flatten):
            h = h.flatten(1)
    return h


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_private_layers_by_hand(depth):
    torch.manual_seed(1)
    net = split.small_wide((1, 32, 32), 4, depth=depth)
    x = torch.rand(3, 1, 32, 32)
    mean, logvar = net(x)
    for axis in range(4):
        expected = by_hand(net, axis, x, depth)
        torch.testing.assert_close(torch.stack([mean[:, axis], logvar[:, axis]], 1), expected)


def test_parameter_counts_by_hand():
    shape, n_axes = (1, 32, 32), 10
    shared = 16 * 16 + 16 + 32 * 256 + 32 + 2 * (32 * 512 + 32)
    vanilla = shared + 128 * 128 + 128 + 128 * 20 + 20
    assert split.n_parameters(shape, n_axes, split.SMALL) == vanilla
    wide = shared + 10 * (128 * 128 + 128 + 128 * 2 + 2)
    assert count(split.small_wide(shape, n_axes, depth=1)) == wide
    # 14 units an axis: (128 + 1) 14 + 14 · 2 + 2 = 1,836; with 15 the count would be above
    assert split.narrowed(shape, n_axes, split.SMALL, depth=1) == (14,)
    assert count(split.small_narrow(shape, n_axes, depth=1)) == shared + 18_360


@pytest.mark.parametrize("plan", [split.DLIB, split.SMALL])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_narrowed_has_the_vanilla_count_or_a_little_less(plan, depth):
    shape = (1, 64, 64)
    vanilla = split.n_parameters(shape, 10, plan)
    widths = split.narrowed(shape, 10, plan, depth=depth)
    assert len(widths) == depth
    assert 0.93 * vanilla < split.n_parameters(shape, 10, plan, private=widths) <= vanilla


def test_glorot_takes_the_fans_of_one_axis():
    torch.manual_seed(0)
    net = NETS["dlib_conv_split_2"].encoder((1, 64, 64), 10)
    convolution, dense, head = (layer for layer in net.private if hasattr(layer, "weight"))
    for layer, fans in ((convolution, 4 * (64 + 64)), (dense, 1024 + 256), (head, 256 + 2)):
        bound = (6 / fans) ** 0.5
        assert 0.97 * bound < float(layer.weight.detach().abs().max()) <= bound
        assert float(layer.bias.detach().abs().max()) == 0


def test_too_deep_a_split_is_an_error():
    with pytest.raises(ValueError, match="at most 5 private layers"):
        split.encoder((1, 32, 32), 4, split.SMALL, private=[8] * 6)
