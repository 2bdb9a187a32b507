"""The nearest named color of a region, in CIE Lab."""

from __future__ import annotations

import torch
from torch import Tensor

# Shades are muted, as cloth, walls and hair look in pictures.
COLORS: dict[str, tuple[tuple[int, int, int], ...]] = {  # name → its shades in sRGB, dark to light
    "black": ((12, 12, 12), (28, 28, 28), (44, 43, 42)),
    "gray": ((72, 72, 72), (126, 126, 126), (164, 164, 164), (190, 190, 190)),
    "white": ((226, 226, 226), (248, 248, 248)),
    "brown": ((54, 38, 24), (104, 84, 54), (136, 98, 66)),
    "beige": ((176, 158, 134), (211, 191, 163), (234, 218, 192)),
    "red": ((66, 30, 32), (130, 66, 68), (186, 42, 42), (206, 138, 138)),
    "orange": ((176, 104, 44), (211, 134, 77), (226, 126, 44)),
    "yellow": ((176, 152, 53), (201, 182, 80), (228, 216, 112)),
    "green": ((28, 56, 30), (44, 69, 43), (95, 143, 78), (181, 208, 179)),
    "teal": ((32, 72, 68), (78, 158, 152), (152, 202, 190)),
    "blue": ((29, 39, 70), (65, 85, 148), (48, 84, 182), (120, 150, 205), (180, 188, 220)),
    "purple": ((40, 24, 58), (118, 84, 146), (203, 177, 220)),
    "pink": ((72, 36, 56), (152, 76, 124), (226, 122, 164), (218, 172, 198)),
}
HAIR: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((12, 11, 11), (24, 22, 21), (40, 37, 36)),
    "brown": ((44, 30, 23), (73, 47, 31), (112, 78, 56)),
    "blond": ((132, 102, 64), (174, 142, 92), (216, 188, 140)),
    "red": ((76, 34, 24), (103, 45, 26), (156, 72, 38)),
    "gray": ((112, 108, 104), (144, 138, 132), (166, 163, 160)),
    "white": ((190, 190, 187), (226, 225, 222)),
    "pink": ((150, 68, 104), (186, 98, 132), (226, 150, 186)),
    "blue": ((34, 44, 86), (53, 71, 125), (92, 112, 192)),
    "green": ((36, 84, 46), (80, 146, 86)),
    "purple": ((66, 36, 92), (122, 76, 156)),
}
RGB_TO_XYZ = (  # linear sRGB under D65
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE = (0.95047, 1.0, 1.08883)  # XYZ of D65


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Map sRGB in 0..1 [...,3] to CIE Lab under D65 [...,3].

    >>> [round(value, 1) for value in rgb_to_lab(torch.tensor([1.0, 0.0, 0.0])).tolist()]
    [53.2, 80.1, 67.2]
    """
    rgb = rgb.double()
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ rgb.new_tensor(RGB_TO_XYZ).T / rgb.new_tensor(WHITE)
    is_bright = xyz > (6 / 29) ** 3
    root = torch.where(is_bright, xyz.clamp_min(1e-12) ** (1 / 3), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def nearest_name(rgb: Tensor, colors: dict[str, tuple[tuple[int, int, int], ...]]) -> str:
    """Return the name in `colors` with the shade nearest to an sRGB color in 0..1 [3].

    >>> nearest_name(torch.tensor([0.2, 0.35, 0.7]), COLORS)
    'blue'
    """
    names = [name for name, shades in colors.items() for _ in shades]
    shades = torch.tensor([shade for group in colors.values() for shade in group]) / 255
    distances = (rgb_to_lab(shades) - rgb_to_lab(rgb.cpu())).square().sum(1)
    return names[int(distances.argmin())]


def region_color(image: Tensor, inside: Tensor, least: float) -> Tensor | None:
    """Return the median color in 0..1 [3] of an image in −1..1 [3,H,W] where `inside` [H,W].

    None where `inside` holds a smaller share of the pixels than `least`.
    """
    if inside.double().mean() < least:
        return None
    return (image[:, inside].median(1).values.float() + 1).clamp(0, 2) / 2
