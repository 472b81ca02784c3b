"""How far a reconstruction is from its image, in nats."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from disentangled.arrays import of_arrays
from disentangled.types import Pixels


@of_arrays
def bernoulli_distortion(x: Pixels, logits: Tensor, *, pixel_area: int = 1) -> Tensor:
    r"""-log p(x|z) of a Bernoulli decoder, summed over pixels.

        -a Σ_i [x_i log σ(l_i) + (1 - x_i) log(1 - σ(l_i))]

    Grey pixels in (0, 1) are allowed, as in all the papers' code; the sum is then a cross-entropy
    and does not reach 0 (the entropy of the images is not subtracted).

    A pooled pixel is the mean of a block of a binary ones. With a = pixel_area the sum is exactly
    -log p of the original image under a decoder that is constant on each block: pooling then
    changes the net and leaves the objective in the nats of the original images.

    Args:
        x: images in [0, 1], (B, C, H, W).
        logits: of the same shape.
        pixel_area: pixels of the original image that each pixel stands for.

    Returns:
        (B,), nats per image.

    Raises:
        ValueError: other types or shapes, or pixels outside of [0, 1], of which the cross-entropy
            has no floor.
    """
    if x.shape != logits.shape or not x.is_floating_point():
        raise ValueError(
            f"x and logits must be floats of one shape (B, C, H, W), got {tuple(x.shape)} of "
            f"{x.dtype} and {tuple(logits.shape)}: pass images in [0, 1], as `FactorData.pixels`"
        )
    nats = functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return pixel_area * nats.flatten(1).sum(-1)
