"""Arrays to files and to data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

SMALL, LARGE = 160, 640
"""Longest sides in pixels: smaller pictures are shown enlarged cell by cell, larger ones are reduced."""


def data_uri(content: bytes) -> str:
    """The bytes of a PNG or JPEG as a URI that needs no request."""
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def png_width(content: bytes) -> int:
    """Pixels a row, from the header."""
    return int.from_bytes(content[16:20], "big")


def encode(picture: np.ndarray) -> bytes:
    """[h w 3] or [h w] uint8, reduced to a screen's need: PNG, or JPEG where that is much smaller (photographs)."""
    image = _reduced(picture)
    exact = png(image)
    if len(exact) < 24_000:
        return exact
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=88, subsampling=0)
    return min(exact, buffer.getvalue(), key=len)


def png(image: Image.Image) -> bytes:
    """A lossless file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def side_by_side(pictures: Sequence[np.ndarray], gap: int = 8) -> bytes:
    """One PNG of all pictures in a row; small ones are enlarged by a whole factor."""
    images = [_enlarged(_reduced(picture)).convert("RGB") for picture in pictures]
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    sheet = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    return png(sheet)


def is_small(picture: np.ndarray) -> bool:
    """Whether cells should stay visible when enlarged."""
    return max(picture.shape[:2]) <= SMALL


def _reduced(picture: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    if max(image.size) > LARGE:
        image.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)
    return image


def _enlarged(image: Image.Image) -> Image.Image:
    factor = max(1, round(256 / max(image.size)))
    return (
        image if factor == 1 else image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    )
