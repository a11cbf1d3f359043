"""Careful decoding of pictures: explicit formats, a size cap before decoding, EXIF applied, every mode turned into
8-bit RGB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from swinkit.files.contents import open_content
from swinkit.files.errors import DataError

PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
MAX_PIXELS = 50_000_000

# What Pillow's decoders raise on damaged files, found by mutating files: damage, not a fault of ours.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(
    path: Path | str, *, content: bytes | None = None, max_pixels: int = MAX_PIXELS
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture as it should be seen: [height width 3] uint8 RGB.

    The EXIF orientation is applied. 16-bit values are scaled by 255 / 65535 (never cut off), float values by 255
    (they must lie in 0..1), transparency is shown over white, CMYK is converted, of several frames the first is
    taken. `content` are the bytes of the file where they lie elsewhere, say in a table; `path` names them in errors.

    Raises DataError for a file that is missing, empty, no picture, damaged, truncated or larger than
    `max_pixels`.
    """
    with opened(path, content=content, max_pixels=max_pixels) as image:
        turned = _turned(_loaded(image))
        return _rgb(turned, path)


def picture_size(path: Path | str) -> tuple[int, int]:
    """Height and width from the header, EXIF orientation applied; nothing is decoded. Raises DataError like
    `read_picture`.
    """
    with opened(path) as image:
        width, height = image.size
        return (width, height) if orientation(image) >= 5 else (height, width)


def picture_bytes(path: Path | str) -> bytes:
    """The file as it is, out of an archive too. Raises DataError: it cannot be read."""
    with open_content(path, "picture") as file:
        return file.read()


def kind(path: Path | str) -> tuple[str, bool]:
    """Pillow's colour mode and whether there is more than one frame. Raises DataError like `read_picture`."""
    with opened(path) as image:
        mode = image.mode
        try:
            image.seek(1)
        except EOFError:
            return mode, False
        return mode, True


@contextmanager
def opened(
    path: Path | str,
    *,
    content: bytes | None = None,
    formats: tuple[str, ...] = PICTURE_FORMATS,
    max_pixels: int = MAX_PIXELS,
) -> Generator[Image.Image]:
    """Pillow's picture with only the header read; everything that goes wrong inside the block is a DataError about
    `path`, which may lead into an archive of a packed folder, or into a plain tar.
    """
    try:
        with (
            open_content(path, "picture") if content is None else BytesIO(content) as file,
            Image.open(file, formats=formats) as image,
        ):
            width, height = image.size
            if width * height > max_pixels:
                raise DataError(
                    path, f"{width}x{height} pixels are more than the {max_pixels:,} allowed: make it smaller"
                )
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(path, f"has more pixels than the {max_pixels:,} allowed: make it smaller") from error
    except UnidentifiedImageError as error:  # its own text would show a memory address
        raise DataError(
            path, f"is no {', '.join(formats[:-1])} or {formats[-1]} file, or its header is damaged"
        ) from error
    except _DAMAGE as error:
        cut = "truncated" in str(error)
        raise DataError(path, f"is {'truncated' if cut else 'damaged'} and cannot be decoded: copy it again") from error


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or the tag is nonsense."""
    try:
        value = image.getexif().get(0x0112, 1)
    except _DAMAGE:  # broken EXIF beside good pixels
        return 1
    return int(value) if value in _TURNS else 1


def _turned(image: Image.Image) -> Image.Image:
    turn = _TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def _loaded(image: Image.Image) -> Image.Image:
    image.load()  # the only check that finds truncation; Pillow's verify() passes half a JPEG
    return image


def _rgb(image: Image.Image, path: Path | str) -> np.ndarray:
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return np.array(image)
    if mode in ("L", "1") and "transparency" not in image.info:
        grey = np.array(image.convert("L"))
        return np.repeat(grey[..., None], 3, axis=2)
    if mode.startswith("I") or mode == "F":
        grey = _eight_bits(np.asarray(image), path)
        return np.repeat(grey[..., None], 3, axis=2)
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _over_white(np.array(image.convert("RGBA")))
    if mode in ("P", "CMYK", "YCbCr", "RGBX"):
        return np.array(image.convert("RGB"))
    raise DataError(path, f"has colour mode {mode}, which is not read: save it as RGB or grey")


def _eight_bits(values: np.ndarray, path: Path | str) -> np.ndarray:
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise DataError(path, "holds float values outside 0..1: scale them to 0..1 or save 8 bits")
        return np.rint(values * 255).astype(np.uint8)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise DataError(path, f"holds values from {low} to {high}, only 0..65535 are read: save it with 8 or 16 bits")
    return cast("np.ndarray", ((values.astype(np.uint32) + 128) // 257).astype(np.uint8))  # = round(255 * v / 65535)


def _over_white(rgba: np.ndarray) -> np.ndarray:
    colour, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
