"""Convolutional nets of disentanglement_lib and of single papers, and a small one."""

from __future__ import annotations

from torch import nn

from disentangled.nets.heads import Posterior, glorot
from disentangled.nets.kernels import Conv2d, ConvTranspose2d


def side_after(shape: tuple[int, int, int], halvings: int) -> int:
    """Side of the last feature map, after the image was halved so many times."""
    _, height, width = shape
    if height != width or height % 2**halvings:
        raise ValueError(
            f"this net takes square images whose side is a multiple of {2**halvings}, "
            f"got {height} x {width}; choose another net, or load the data with a fitting size"
        )
    return height // 2**halvings


def down(before: int, after: int) -> list[nn.Module]:
    """A 4 x 4 convolution that halves the picture, then ReLU."""
    return [Conv2d(before, after, 4, 2, 1), nn.ReLU()]


def up(before: int, after: int) -> list[nn.Module]:
    """A transposed 4 x 4 convolution that doubles the picture, then ReLU."""
    return [ConvTranspose2d(before, after, 4, 2, 1), nn.ReLU()]


def dense(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.ReLU()]


def dlib_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """32 32 (4 x 4), 64 64 (2 x 2), dense 256 (disentanglement_lib's conv_encoder)."""
    side = side_after(shape, 4)
    trunk = nn.Sequential(
        *down(shape[0], 32),
        *down(32, 32),
        Conv2d(32, 64, 2, 2),
        nn.ReLU(),
        Conv2d(64, 64, 2, 2),
        nn.ReLU(),
        nn.Flatten(),
        *dense(64 * side**2, 256),
    )
    return glorot(Posterior(trunk, 256, n_axes))


def dlib_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """Dense 256 1024, then 64 32 32 C transposed 4 x 4 (disentanglement_lib's deconv_decoder)."""
    side = side_after(shape, 4)
    return glorot(
        nn.Sequential(
            *dense(n_axes, 256),
            *dense(256, 64 * side**2),
            nn.Unflatten(1, (64, side, side)),
            *up(64, 64),
            *up(64, 32),
            *up(32, 32),
            ConvTranspose2d(32, shape[0], 4, 2, 1),
        )
    )


def kim_mnih_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """32 32 64 64 (4 x 4), dense 128 (Kim & Mnih 2018, Appendix A)."""
    side = side_after(shape, 4)
    trunk = nn.Sequential(
        *down(shape[0], 32),
        *down(32, 32),
        *down(32, 64),
        *down(64, 64),
        nn.Flatten(),
        *dense(64 * side**2, 128),
    )
    return Posterior(trunk, 128, n_axes)


def kim_mnih_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """Dense 128 1024, then 64 32 32 C transposed 4 x 4 (Kim & Mnih 2018, Appendix A)."""
    side = side_after(shape, 4)
    return nn.Sequential(
        *dense(n_axes, 128),
        *dense(128, 64 * side**2),
        nn.Unflatten(1, (64, side, side)),
        *up(64, 64),
        *up(64, 32),
        *up(32, 32),
        ConvTranspose2d(32, shape[0], 4, 2, 1),
    )


def burgess_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """32 four times (4 x 4), dense 256 twice (Burgess et al. 2018): the net of the benchmark."""
    side = side_after(shape, 4)
    trunk = nn.Sequential(
        *down(shape[0], 32),
        *down(32, 32),
        *down(32, 32),
        *down(32, 32),
        nn.Flatten(),
        *dense(32 * side**2, 256),
        *dense(256, 256),
    )
    return Posterior(trunk, 256, n_axes)


def burgess_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """The mirror image of `burgess_encoder`."""
    side = side_after(shape, 4)
    return nn.Sequential(
        *dense(n_axes, 256),
        *dense(256, 256),
        *dense(256, 32 * side**2),
        nn.Unflatten(1, (32, side, side)),
        *up(32, 32),
        *up(32, 32),
        *up(32, 32),
        ConvTranspose2d(32, shape[0], 4, 2, 1),
    )


def cheng_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """32 64 64 64 (4 x 4), 512 over the whole last map (Cheng et al. 2020, Table 2), mended.

    The table prints a last layer of 10 outputs; mean and log-variance of 10 axes need 20. That
    layer, 1 x 1 on a map of one point, is a linear one. The map before is 4 x 4 for the paper's
    images of 64 x 64, and so is the kernel over it; on other sides it is as large as that map.
    """
    side = side_after(shape, 4)
    trunk = nn.Sequential(
        *down(shape[0], 32),
        *down(32, 64),
        *down(64, 64),
        *down(64, 64),
        Conv2d(64, 512, side, 1),
        nn.ReLU(),
        nn.Flatten(),
    )
    return Posterior(trunk, 512, n_axes)


def cheng_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """512, then 64 64 32 32 C transposed (Cheng et al. 2020, Table 2), mended.

    The table prints a ReLU after the last layer too, under which no logit could be below 0, nor a
    pixel below 1/2: left out. The kernel of the first 64 is the size of the encoder's last map.
    """
    side = side_after(shape, 4)
    return nn.Sequential(
        *dense(n_axes, 512),
        nn.Unflatten(1, (512, 1, 1)),
        ConvTranspose2d(512, 64, side, 1),
        nn.ReLU(),
        *up(64, 64),
        *up(64, 32),
        *up(32, 32),
        ConvTranspose2d(32, shape[0], 4, 2, 1),
    )


def small_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """16 32 32 32 (4 x 4), dense 128: for images of 32 x 32 pixels and a laptop."""
    side = side_after(shape, 4)
    trunk = nn.Sequential(
        *down(shape[0], 16),
        *down(16, 32),
        *down(32, 32),
        *down(32, 32),
        nn.Flatten(),
        *dense(32 * side**2, 128),
    )
    return Posterior(trunk, 128, n_axes)


def small_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """The mirror image of `small_encoder`."""
    side = side_after(shape, 4)
    return nn.Sequential(
        *dense(n_axes, 128),
        *dense(128, 32 * side**2),
        nn.Unflatten(1, (32, side, side)),
        *up(32, 32),
        *up(32, 32),
        *up(32, 16),
        ConvTranspose2d(16, shape[0], 4, 2, 1),
    )


def shallow_encoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """8 16 32 (4 x 4), dense 128: for images of 32 x 32 pixels and a training of minutes.

    One halving fewer than `small_encoder`, so that the dense layer sees a map of 4 x 4. On
    dSprites that net waits for thousands of steps before it reads orientation, some seeds past
    24,000; this one read it within 7,000 steps in every trial.
    """
    side = side_after(shape, 3)
    trunk = nn.Sequential(
        *down(shape[0], 8),
        *down(8, 16),
        *down(16, 32),
        nn.Flatten(),
        *dense(32 * side**2, 128),
    )
    return Posterior(trunk, 128, n_axes)


def shallow_decoder(shape: tuple[int, int, int], n_axes: int) -> nn.Module:
    """The mirror image of `shallow_encoder`."""
    side = side_after(shape, 3)
    return nn.Sequential(
        *dense(n_axes, 128),
        *dense(128, 32 * side**2),
        nn.Unflatten(1, (32, side, side)),
        *up(32, 16),
        *up(16, 8),
        ConvTranspose2d(8, shape[0], 4, 2, 1),
    )
