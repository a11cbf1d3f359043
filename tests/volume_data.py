"""Small NIfTI volumes with two balls in them."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

CLASSES = ("rest", "large", "small")


def phantom(seed: int, size: tuple[int, int, int] = (18, 20, 16)) -> tuple[np.ndarray, np.ndarray]:
    """Values float32 and labels uint8 [x y z]: a bright large ball and a dark small one in noise."""
    rng = np.random.default_rng(seed)
    values, labels = rng.normal(0, 0.2, size).astype(np.float32), np.zeros(size, np.uint8)
    cells = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
    for kind, radius, bright in ((1, 5, 3.0), (2, 3, -3.0)):
        middle = [rng.uniform(radius, n - radius) for n in size]
        ball = ((cells - middle) ** 2).sum(-1) < radius**2
        labels[ball], values[ball] = kind, bright
    return values, labels


def volume_folder(path: Path, count: int = 6, affine: np.ndarray | None = None) -> Path:
    """`images` and `labels` with split.csv: the last third is fold 0."""
    affine = np.diag([1.0, 1.0, 2.0, 1.0]) if affine is None else affine
    lines = ["file,fold"]
    for index in range(count):
        for part, array in zip(("images", "labels"), phantom(index), strict=True):
            (path / part).mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, affine), path / part / f"case_{index}.nii.gz")
        lines.append(f"case_{index}.nii.gz,{0 if index >= count - count // 3 else 1}")
    (path / "split.csv").write_text("\n".join(lines) + "\n")
    return path
