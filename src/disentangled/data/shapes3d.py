"""The real Shapes3D."""
from disentangled.data.layout import grid
LAYOUT = grid(
    unordered=("shape",),
    floor_hue=10,
    wall_hue=10,
    object_hue=10,
    scale=8,
    shape=4,
    orientation=15,
)
NATIVE_SIZE = 64
