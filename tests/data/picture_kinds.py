"""Picture files as people have them, generated from a seed, each with what must be read from it.

The right arrays are made by numpy from what is drawn, never by the readers that are tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gantoolkit.core.labels import ORDERS, PALETTE

COLORS = np.asarray(PALETTE, np.uint8)
WAYS = Image.Resampling


@dataclass
class Kind:
    """One file: how it is saved, and what must come of it."""

    name: str
    save: Callable[[Path], None]
    suffix: str = "png"
    right: np.ndarray | None = None  # None: it must be refused
    tolerance: float = 0.0  # RGB: of 255 per pixel; labels: share of other pixels
    said: str = ""  # must stand in a note; "": nothing need be said
    quiet: bool = False  # nothing may be said


def saver(image: Image.Image, **options) -> Callable[[Path], None]:
    return lambda path: image.save(path, **options)


# -- photos --------------------------------------------------------------------------------------


def photos(seed: int) -> Iterator[Kind]:
    """Yield files that mean an RGB picture, or none."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(40, 90, 2).tolist()
    y, x = np.mgrid[0:height, 0:width]
    gray = ((x * rng.integers(1, 4) + y * 3) % 256).astype(np.uint8)
    gray[0, 0], gray[0, 1] = 255, 0
    rgb = np.stack([gray, 255 - gray, gray // 2 + 40], 2)
    yield from deep_photos(gray)
    yield from transparent_photos(gray, rgb, rng)

    image = Image.fromarray(rgb)
    yield Kind("RGB", saver(image), right=rgb, quiet=True)
    yield Kind("CMYK TIFF", saver(image.convert("CMYK")), "tif", rgb)
    yield Kind("CMYK JPEG", saver(image.convert("CMYK"), quality=98), "jpg", rgb, tolerance=40)
    one_bit = np.repeat(((gray > 99) * 255)[..., None], 3, 2)
    yield Kind("1 bit", saver(Image.fromarray(gray > 99)), right=one_bit)
    turned = {2: rgb[:, ::-1], 3: rgb[::-1, ::-1], 6: np.rot90(rgb, -1), 8: np.rot90(rgb)}
    for orientation, right in turned.items():
        exif = Image.Exif()
        exif[274] = orientation
        for suffix in ("png", "webp", "tif"):
            options = {"lossless": True} if suffix == "webp" else {}
            save = saver(image, exif=exif, **options)
            yield Kind(f"EXIF orientation {orientation} {suffix}", save, suffix, right)
    save = saver(image, exif=b"Exif\0\0no tags at all", lossless=True)
    yield Kind("damaged EXIF", save, "webp", rgb)

    pages = [Image.new("RGB", image.size, color) for color in ("red", "blue")]
    for suffix in ("png", "webp", "tif"):
        options = {"lossless": True} if suffix == "webp" else {}
        save = saver(image, save_all=True, append_images=pages, **options)
        yield Kind(f"several pages {suffix}", save, suffix, rgb, said="the first one is read")
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    yield Kind("cut PNG", lambda path: cut(noise, path), right=None)
    yield Kind("empty file", lambda path: path.write_bytes(b""))
    yield Kind("HTML page", lambda path: path.write_text("<html>"), "jpg")
    dark = Image.fromarray(rng.integers(0, 9, (64, 64, 3)).astype(np.uint8))
    yield Kind("black", saver(dark), right=np.asarray(dark), said="all but black")


def cut(image: Image.Image, path: Path) -> None:
    image.save(path)
    path.write_bytes(path.read_bytes()[:3000])


def deep_photos(gray: np.ndarray) -> Iterator[Kind]:
    """Yield gray beyond 8 bits."""
    right = np.repeat(gray[..., None], 3, 2)
    of_16_bits = Image.fromarray(gray.astype(np.uint16) * 257)
    of_12_bits = Image.fromarray((gray.astype(np.float64) / 255 * 4095).round().astype(np.uint16))
    yield Kind("16 bit PNG", saver(of_16_bits), right=right, quiet=True)
    yield Kind("16 bit TIFF", saver(of_16_bits), "tif", right, quiet=True)
    yield Kind("12 bit in 16", saver(of_12_bits), right=right, said="white is taken to be 4095")
    in_32_bits = Image.fromarray(gray.astype(np.int32))
    yield Kind("8 bit in 32", saver(in_32_bits), "tif", right, said="white is taken to be 255")
    unknown = Image.fromarray(gray.astype(np.int32) * 8_000_000)
    yield Kind("32 bit of unknown white", saver(unknown), "tif")
    unit = gray.astype(np.float32) / 255
    yield Kind("float 0..1", saver(Image.fromarray(unit)), "tif", right)
    fractions = Image.fromarray(np.clip(gray.astype(np.float32) + 0.25, 0, 255))
    yield Kind("float 0..255", saver(fractions), "tif", right)
    yield Kind("float −1..1", saver(Image.fromarray(2 * unit - 1)), "tif")
    yield Kind("float to 12", saver(Image.fromarray(12.3 * unit)), "tif")
    broken = np.where(gray > 3, unit, np.nan).astype(np.float32)
    yield Kind("float NaN", saver(Image.fromarray(broken)), "tif")


def transparent_photos(
    gray: np.ndarray, rgb: np.ndarray, rng: np.random.Generator
) -> Iterator[Kind]:
    """Yield pictures with transparency, whose hidden colors must not appear on the white ground."""
    alpha = np.where(np.arange(gray.shape[1]) < 20, 0, 255).astype(np.uint8)
    alpha = np.broadcast_to(alpha, gray.shape)
    hidden = np.where(alpha[..., None] > 0, rgb, rng.integers(0, 256, rgb.shape)).astype(np.uint8)
    on_white = np.where(alpha[..., None] > 0, rgb, 255)
    with_alpha = Image.fromarray(np.dstack([hidden, alpha]))
    yield Kind("RGBA PNG", saver(with_alpha), right=on_white)
    yield Kind("RGBA WebP", saver(with_alpha, lossless=True, exact=True), "webp", on_white)
    gray_on_white = np.where(alpha[..., None] > 0, gray[..., None], 255).repeat(3, 2)
    yield Kind("LA", saver(Image.fromarray(np.dstack([gray, alpha]))), right=gray_on_white)
    half = np.full_like(gray, 128)
    mixed = rgb * (128 / 255) + 255 * (127 / 255)
    yield Kind("half", saver(Image.fromarray(np.dstack([rgb, half]))), right=mixed, tolerance=1)
    clear = np.zeros_like(gray)
    yield Kind("wholly transparent", saver(Image.fromarray(np.dstack([rgb, clear]))))

    indexed = Image.fromarray(rgb).quantize(32)
    is_hidden = np.asarray(indexed) == 5
    right = np.where(is_hidden[..., None], 255, np.asarray(indexed.convert("RGB")))
    for suffix in ("png", "gif"):
        yield Kind(f"palette {suffix}", saver(indexed, transparency=5), suffix, right)
    key = tuple(rgb[3, 3].tolist())
    right = np.where((rgb == key).all(2)[..., None], 255, rgb)
    yield Kind("one color", saver(Image.fromarray(rgb), transparency=key), right=right)


# -- label maps ----------------------------------------------------------------------------------


def draw_face(size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a label map [size,size] of a face with jitter."""
    shift, scale = rng.normal(0, 0.02, 2), rng.uniform(0.9, 1.1)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    x, y = (x - shift[0]) / scale, (y - shift[1]) / scale
    labels = np.zeros((size, size), np.uint8)

    def ellipse(label, center_x, center_y, radius_x, radius_y):
        inside = ((x - center_x) / radius_x) ** 2 + ((y - center_y) / radius_y) ** 2 < 1
        labels[inside] = label

    ellipse(13, 0, -0.06, 0.36, 0.40)
    labels[(abs(x) < 0.12) & (y > 0.2)] = 17
    labels[y > 0.40 - 0.1 * (abs(x) > 0.2)] = 18
    ellipse(1, 0, 0, 0.26, 0.34)
    for side, brow, eye, ear in ((1, 6, 4, 8), (-1, 7, 5, 9)):
        ellipse(brow, side * 0.10, -0.11, 0.065, 0.022)
        ellipse(eye, side * 0.10, -0.04, 0.045, 0.025)
        ellipse(ear, side * 0.27, 0.0, 0.03, 0.06)
    ellipse(2, 0, 0.06, 0.05, 0.09)
    ellipse(11, 0, 0.19, 0.08, 0.025)
    ellipse(12, 0, 0.24, 0.08, 0.025)
    return labels


def indexed(values: np.ndarray, palette) -> Image.Image:
    """Make an indexed image of these indices and colors."""
    image = Image.frombytes("P", values.shape[::-1], values.astype(np.uint8).tobytes())
    image.putpalette(np.asarray(palette, np.uint8).flatten().tolist())
    return image


def label_maps(seed: int) -> Iterator[Kind]:
    """Yield files that mean a label map in the order of CelebAMask-HQ, or none."""
    rng = np.random.default_rng(seed)
    labels = draw_face(int(rng.choice([96, 128, 192])), rng)
    yield from numbered_maps(labels, rng)
    yield from color_maps(labels, rng)
    yield from indexed_maps(labels, rng)
    yield from soft_maps(rng)


def numbered_maps(labels: np.ndarray, rng: np.random.Generator) -> Iterator[Kind]:
    gray = Image.fromarray(labels)
    yield Kind("numbers", saver(gray), right=labels, quiet=True)
    three = np.repeat(labels[..., None], 3, 2)
    yield Kind("numbers in RGB", saver(Image.fromarray(three)), right=labels, quiet=True)
    wide = labels.astype(np.uint16)
    yield Kind("numbers of 16 bit", saver(Image.fromarray(wide)), right=labels, quiet=True)
    scaled = Image.fromarray(wide * 257)
    yield Kind("numbers scaled to 16 bit", saver(scaled), right=labels, said="scaled to 16 bits")
    yield Kind("numbers of 32 bit", saver(Image.fromarray(labels.astype(np.int32))), "tif", labels)
    yield Kind("float", saver(Image.fromarray(labels.astype(np.float32))), "tif", labels)
    yield Kind("float / 18", saver(Image.fromarray(labels / np.float32(18))), "tif")
    alpha = np.where(labels > 0, 255, 0).astype(np.uint8)
    hidden = np.where(labels > 0, labels, 200).astype(np.uint8)
    layers = Image.fromarray(np.dstack([hidden, alpha]))
    yield Kind("numbers with alpha", saver(layers), right=labels, said="read as background")
    yield Kind("numbers × 13", saver(Image.fromarray(labels * 13)))
    yield Kind("numbers + 1", saver(Image.fromarray(labels + 1)))
    yield Kind("numbers as JPEG", saver(gray, quality=int(rng.integers(60, 100))), "jpg")
    for name, way in (("bilinear", WAYS.BILINEAR), ("bicubic", WAYS.BICUBIC)):
        for scale in (0.5, 1.7, 2):
            side = int(scale * len(labels))
            yield Kind(f"numbers {name} {scale}", saver(gray.resize((side, side), way)))
    smooth = Image.fromarray(labels.astype(np.float32)).resize((200, 200), WAYS.BILINEAR)
    yield Kind("float bilinear", saver(smooth), "tif")
    yield Kind("only background", saver(Image.new("L", (64, 64))))


def color_maps(labels: np.ndarray, rng: np.random.Generator) -> Iterator[Kind]:
    colors = COLORS[labels]
    image = Image.fromarray(colors)
    yield Kind("colors", saver(image), right=labels, quiet=True)
    for name in ("BGR", "GRB", "BRG"):
        other = colors[..., ["RGB".index(channel) for channel in name]]
        save = saver(Image.fromarray(np.ascontiguousarray(other)))
        yield Kind(f"colors {name}", save, right=labels, said=f"in the order {name}")
    alpha = np.where(labels > 0, 255, 0).astype(np.uint8)
    hidden = np.where(labels[..., None] > 0, colors, rng.integers(0, 256, 3)).astype(np.uint8)
    layers = Image.fromarray(np.dstack([hidden, alpha]))
    yield Kind("colors with alpha", saver(layers), right=labels, said="read as background")
    half = Image.fromarray(np.dstack([colors, np.full_like(alpha, 120)]))
    yield Kind("colors half transparent", saver(half), right=labels)
    yield Kind("colors CMYK", saver(image.convert("CMYK")), "tif", labels)
    off = np.clip(colors.astype(int) + rng.integers(-8, 9, colors.shape), 0, 255)
    save = saver(Image.fromarray(off.astype(np.uint8)))
    yield Kind("colors off", save, right=labels, said="slightly off")
    bisenet = np.argsort(ORDERS["bisenet"])[labels]
    yield Kind("colors of BiSeNet's numbers", saver(Image.fromarray(COLORS[bisenet])))
    others = rng.integers(0, 256, (19, 3)).astype(np.uint8)
    yield Kind("other colors", saver(Image.fromarray(others[labels])))
    yield Kind("colors in few", saver(image.quantize(6, method=Image.Quantize.MEDIANCUT)))
    merged = image.quantize(12, method=Image.Quantize.FASTOCTREE)
    yield Kind("colors merged, indexed", saver(merged))
    yield Kind("colors merged", saver(merged.convert("RGB")))
    five_bits = Image.fromarray(colors & 0xF8)
    yield Kind("colors of 5 bits", saver(five_bits), right=labels, said="slightly off")
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    yield Kind("a photo", saver(noise))


def indexed_maps(labels: np.ndarray, rng: np.random.Generator) -> Iterator[Kind]:
    voc = np.array([voc_color(index) for index in range(19)], np.uint8)
    order = rng.permutation(19)
    moved = np.argsort(order)[labels]
    used = np.unique(labels)
    compact = np.searchsorted(used, labels)
    others = rng.integers(0, 256, (19, 3))
    decide = "its colors"
    yield Kind("palette", saver(indexed(labels, COLORS)), right=labels, quiet=True)
    save = saver(indexed(moved, COLORS[order]))
    yield Kind("palette reordered", save, right=labels, said=decide)
    save = saver(indexed(compact, COLORS[used]))
    yield Kind("palette compacted", save, right=labels, said=decide)
    save = saver(indexed(labels + 1, [(255, 255, 255), *PALETTE]))
    yield Kind("palette shifted", save, right=labels, said=decide)
    off = np.clip(COLORS[order].astype(int) + rng.integers(-7, 8, (19, 3)), 0, 255)
    yield Kind("palette rounded", saver(indexed(moved, off)), right=labels, said="slightly off")
    save = saver(Image.fromarray(COLORS[labels]).quantize(64))
    yield Kind("palette quantized", save, right=labels, said=decide)
    yield Kind("GIF", saver(indexed(moved, COLORS[order])), "gif", labels)
    yield Kind("palette of grays", saver(indexed(labels, [(12 * i,) * 3 for i in range(19)])),
               right=labels, quiet=True)  # fmt: skip
    grays = np.repeat(used[:, None], 3, 1)
    save = saver(indexed(compact, grays))
    yield Kind("grays compacted", save, right=labels, said="its gray values decide")
    yield Kind("ramp compacted", saver(indexed(compact, 13 * grays)))
    yield Kind("VOC's palette", saver(indexed(labels, voc)), right=labels, quiet=True)
    save = saver(indexed(moved, voc[order]))
    yield Kind("VOC's reordered", save, right=labels, said=decide)
    yield Kind("other palette", saver(indexed(labels, others)))
    yield Kind("colors against indices", saver(indexed(labels, np.roll(COLORS, 1, 0))))


def voc_color(index: int) -> list[int]:
    """PASCAL VOC's color of an index, as its development kit computes it."""
    color = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            color[channel] |= (index >> channel & 1) << (7 - bit)
        index >>= 3
    return color


def soft_maps(rng: np.random.Generator) -> Iterator[Kind]:
    """Yield color maps of 256 pixels, enlarged smoothly or saved as JPEG: edges may move a bit."""
    labels = draw_face(256, rng)
    image = Image.fromarray(COLORS[labels])
    right = np.kron(labels, np.ones((2, 2), np.uint8))
    for way in (WAYS.BILINEAR, WAYS.BICUBIC, WAYS.LANCZOS):
        save = saver(image.resize((512, 512), way))
        yield Kind(f"colors {way.name.lower()}", save, "png", right, 0.003, "mixed|neighboring")
    large = Image.fromarray(COLORS[right])
    for quality in (85, 95):
        save = saver(large, quality=quality)
        yield Kind(f"colors JPEG {quality}", save, "jpg", right, 0.01, "neighboring")
    bgr = Image.fromarray(np.ascontiguousarray(COLORS[right][..., ::-1]))
    yield Kind("colors BGR JPEG", saver(bgr, quality=90), "jpg", right, 0.01, "BGR")


# -- scribbles -----------------------------------------------------------------------------------


def scribbles(seed: int) -> Iterator[Kind]:
    """Yield files that mean strokes, white on black 0..255, or none."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (96, 96))
    draw = ImageDraw.Draw(image)
    left, top = rng.integers(8, 24, 2).tolist()
    draw.ellipse([left, top, left + 60, top + 64], outline=255, width=int(rng.integers(1, 4)))
    draw.line([48, 36, 48, 60], fill=255, width=2)
    draw.arc([34, 58, 64, 72], 0, 180, fill=255, width=2)
    ink = np.asarray(image)
    yield Kind("white on black", saver(image), right=ink, quiet=True)
    yield Kind("black on white", saver(Image.fromarray(255 - ink)), right=ink, quiet=True)
    wide = ink.astype(np.uint16) * 257
    yield Kind("16 bit", saver(Image.fromarray(wide)), right=ink)
    yield Kind("16 bit on white", saver(Image.fromarray(65535 - wide)), right=ink)
    yield Kind("float", saver(Image.fromarray(ink / np.float32(255))), "tif", ink)
    yield Kind("32 bit", saver(Image.fromarray(ink.astype(np.int32))), "tif", ink)
    yield Kind("1 bit", saver(image.convert("1")), right=ink)
    yield Kind("palette", saver(image.quantize(4)), right=ink)
    yield Kind("GIF", saver(image), "gif", ink)
    cmyk = Image.fromarray(255 - ink).convert("RGB").convert("CMYK")
    yield Kind("CMYK", saver(cmyk), "tif", ink)
    for name, pen in (("black", 0), ("white", 255)):
        hidden = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
        hidden[ink > 0] = pen
        save = saver(Image.fromarray(np.dstack([hidden, ink])))
        yield Kind(f"{name} pen on transparent", save, right=ink)
    save = saver(image, save_all=True, append_images=[Image.new("L", image.size)])
    yield Kind("several pages", save, "tif", ink, said="the first one is read")

    line = Image.new("L", (96, 96))
    ImageDraw.Draw(line).line([10, 10, *rng.integers(50, 90, 2).tolist()], fill=255, width=3)
    yield Kind("one line", saver(line), right=np.asarray(line), said="one straight line")
    noise = np.where(rng.random((96, 96)) > 0.5, 255, 0).astype(np.uint8)
    yield Kind("noise", saver(Image.fromarray(noise)), right=noise, said="looks like noise",
               tolerance=255)  # fmt: skip
    dark = np.clip(rng.normal(20, 6, (96, 96)), 0, 255).astype(np.uint8)
    dark[40:44, 40:44] = 200
    yield Kind("dark photo", saver(Image.fromarray(dark)), right=dark, tolerance=40,
               said="nearly black")  # fmt: skip
    yield Kind("empty", saver(Image.new("L", (96, 96))))
    yield Kind("label map", saver(Image.fromarray(COLORS[draw_face(128, rng)])))
    y, x = np.mgrid[0:96, 0:96]
    shades = np.stack([x * 2, y * 2, x + y], 2).astype(np.uint8)
    yield Kind("photo", saver(Image.fromarray(shades)))
    unknown = Image.fromarray(ink.astype(np.int32) * 8_000_000)
    yield Kind("32 bit of unknown white", saver(unknown), "tif")
