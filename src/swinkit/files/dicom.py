"""The slices of a DICOM series as one volume."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from swinkit.files.errors import DataError
from swinkit.files.orientation import MAX_VOXELS, empty_ras, first_line, library, ras_affine

DICOM = ".dcm"


@dataclass(frozen=True, slots=True)
class _Series:
    """What the files of a folder say, without their pixels."""

    files: tuple[Path, ...]
    """In the order of their places."""
    shape: tuple[int, int, int]
    """Columns, rows and slices."""
    affine: np.ndarray
    """[4 4] float64, from (column, row, slice) to millimetres in RAS+."""


def read_series(folder: Path) -> tuple[Float32[np.ndarray, "x y z"], Float64[np.ndarray, "4 4"]]:
    """The values in RAS+ and their affine; memory beside them: one slice. Raises as `volumes.read_volume`."""
    pydicom, series = library("pydicom"), _looked_at(folder)
    values, own = empty_ras(series.shape, series.affine)
    for place, file in enumerate(series.files):
        try:
            data = pydicom.dcmread(file)
            pixels = data.pixel_array.astype(np.float32) * float(data.get("RescaleSlope", 1))
            pixels += float(data.get("RescaleIntercept", 0))
        except Exception as error:  # of whichever decoder
            raise DataError(file, f"the pixels cannot be decoded ({first_line(error)})") from error
        if pixels.T.shape != series.shape[:2]:
            raise DataError(file, f"holds pixels {pixels.shape}: one grey picture a slice is wanted", field="PixelData")
        own[:, :, place] = pixels.T
    return values, ras_affine(series.shape, series.affine)


def series_affine(folder: Path) -> Float64[np.ndarray, "4 4"]:
    """The affine that `read_series` finds, from the headers alone."""
    series = _looked_at(folder)
    return ras_affine(series.shape, series.affine)


def _looked_at(folder: Path) -> _Series:
    """Raises DataError where the files are no slices of one series at even distances."""
    pydicom = library("pydicom")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == DICOM)
    if not files:
        raise DataError(folder, f"holds no DICOM file ({DICOM})")
    slices: list[tuple[float, Path, Any]] = []
    kept: dict[str, Any] = {}
    for file in files:
        try:
            data = pydicom.dcmread(file, stop_before_pixels=True)
            facts = {
                "SeriesInstanceUID": str(data.SeriesInstanceUID),
                "ImageOrientationPatient": tuple(np.round(np.asarray(data.ImageOrientationPatient, float), 4)),
                "PixelSpacing": tuple(map(float, data.PixelSpacing)),
                "Rows": int(data.Rows),
                "Columns": int(data.Columns),
            }
            place = np.asarray(data.ImagePositionPatient, float)
        except Exception as error:  # pydicom raises whatever its parts do
            raise DataError(file, f"is no usable DICOM slice ({first_line(error)})") from error
        for name, value in facts.items():
            if kept.setdefault(name, value) != value:
                raise DataError(file, f"{value}, the slices before have {kept[name]}: one series a folder", field=name)
        across, down = np.asarray(facts["ImageOrientationPatient"]).reshape(2, 3)
        normal = np.cross(across, down)
        slices.append((float(normal @ place), file, data))
    slices.sort(key=lambda each: each[0])
    gaps = np.diff([place for place, _, _ in slices])
    if len(slices) > 1 and (gaps.min() <= 1e-3 or gaps.max() > 1.5 * gaps.min()):
        raise DataError(
            folder, f"slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart: some are missing or doubled"
        )
    shape = (kept["Columns"], kept["Rows"], len(slices))
    if (count := int(np.prod(shape, dtype=np.float64))) > MAX_VOXELS or not count:
        raise DataError(
            slices[0][1], f"tells of {' x '.join(map(str, shape))} voxels, wanted 1 to {MAX_VOXELS}", field="Rows"
        )
    affine = _affine(slices[0][2], float(np.median(gaps)) if len(gaps) else 1.0)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        text = "its place in space is broken (NaN, or a cell without size)"
        raise DataError(slices[0][1], text, field="PixelSpacing, ImageOrientationPatient")
    return _Series(files=tuple(file for _, file, _ in slices), shape=shape, affine=affine)


def _affine(first: Any, gap: float) -> np.ndarray:
    """From (column, row, slice) to millimetres in RAS+; `gap`: of the slices in millimetres."""
    across, down = np.asarray(first.ImageOrientationPatient, float).reshape(2, 3)
    high, wide = map(float, first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, :] = np.stack(
        [across * wide, down * high, np.cross(across, down) * gap, np.asarray(first.ImagePositionPatient, float)], 1
    )
    affine[:2] *= -1  # DICOM runs to the left and to the back
    return affine
