"""What digit scenes are made of: the digits and photographs that scikit-learn ships."""

from __future__ import annotations

import numpy as np

LEFT = 0.7
"""Share of a photograph's width that training and validation see."""


def handwritten(which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[n 12 12] float32 ink in 0..1 with an empty border, and the digit each shows."""
    from sklearn.datasets import load_digits  # slow to import, and only this data set needs it

    digits = load_digits()
    ink = (digits.images[which] / 16).astype(np.float32)
    return np.pad(ink, ((0, 0), (2, 2), (2, 2))), digits.target[which]


def photographs(*, right: bool) -> list[np.ndarray]:
    """[h w 3] uint8 RGB: the left or the right part of each."""
    from sklearn.datasets import load_sample_images

    pictures = load_sample_images().images
    edges = [round(LEFT * picture.shape[1]) for picture in pictures]
    return [picture[:, edge:] if right else picture[:, :edge] for picture, edge in zip(pictures, edges, strict=True)]
