"""Volumes of NIfTI files and DICOM series, with the size of their cells, turned so that the axes run to the right, to
the front and up (RAS+); label maps as NIfTI in the geometry of the volume that they are for."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Integer

from swinkit.files.atomic import replace_file
from swinkit.files.errors import DataError, MissingExtra

NIFTI = (".nii", ".nii.gz")
DICOM = ".dcm"
MAX_VOXELS = 1 << 29
"""512 million; a header that tells of more is not believed."""
MAX_BYTES = 1 << 32
MAX_UNPACKED = 1 << 30
"""Bytes that a packed file may hold whatever it grows by; of more than that, real scans shrink to a 500th at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What a file holds."""

    values: Float32[np.ndarray, "x y z"]
    affine: Float64[np.ndarray, "4 4"]
    """From cells to millimetres in RAS+."""

    @property
    def spacing(self) -> tuple[float, float, float]:
        """The size of a cell along each axis in millimetres."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(0)).tolist()
        return x, y, z


def is_volume(path: Path | str) -> bool:
    """Whether the name is one of a NIfTI file, or the path a folder that holds DICOM files."""
    path = Path(path)
    if path.is_dir():
        return any(file.suffix.lower() == DICOM for file in path.iterdir())
    return path.name.lower().endswith(NIFTI)


def stem(path: Path) -> str:
    """The name without its ending, `.nii.gz` included."""
    lower = path.name.lower()
    end = next((end for end in reversed(NIFTI) if lower.endswith(end)), None)
    return path.stem if end is None else path.name[: -len(end)]


def read_volume(path: Path | str) -> Volume:
    """A NIfTI file of three axes (a fourth of length 1 is dropped), scaled as its header says, or a folder with the
    slices of one DICOM series, in its own units (CT: Hounsfield units).

    Raises:
        DataError: it cannot be read, is too large, has another number of axes, or holds NaN or infinite values.
        MissingExtra: nibabel or pydicom is not installed.
    """
    path = Path(path)
    volume = _series(path) if path.is_dir() else _nifti(path)
    if not np.isfinite(volume.values).all():
        count = int((~np.isfinite(volume.values)).sum())
        raise DataError(path, f"{count} of {volume.values.size} voxels are NaN or infinite: replace them")
    return volume


def read_labels(path: Path | str) -> tuple[Integer[np.ndarray, "x y z"], Float64[np.ndarray, "4 4"]]:
    """The ids of a label file [x y z] int64 and its affine.

    Raises:
        DataError: as `read_volume`, or ids are negative or broken numbers.
    """
    volume = read_volume(path)
    ids = np.rint(volume.values).astype(np.int64)
    if np.abs(volume.values - ids).max(initial=0) > 1e-3 or ids.min(initial=0) < 0:
        raise DataError(path, "holds values that are no class ids (whole numbers from 0)", field="labels")
    return ids, volume.affine


def write_labels(labels: Integer[np.ndarray, "x y z"], like: Path | str, path: Path | str) -> None:
    """Write class indices (uint8) as NIfTI: turned back to the axes of the volume `like`, with its affine."""
    nibabel = _library("nibabel")
    turned, affine = labels.astype(np.uint8), read_volume(like).affine
    if not Path(like).is_dir():
        source = nibabel.load(like)
        own = nibabel.orientations.io_orientation(source.affine)
        back = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), own)
        turned, affine = nibabel.orientations.apply_orientation(turned, back), source.affine
    raw = nibabel.Nifti1Image(np.ascontiguousarray(turned), affine).to_bytes()
    replace_file(Path(path), gzip.compress(raw, mtime=0) if str(path).endswith(".gz") else raw)


def _nifti(path: Path) -> Volume:
    nibabel = _library("nibabel")
    shape, itemsize, offset = _header(path)
    _believable(path, shape, itemsize, offset)
    try:
        image = nibabel.load(path)
        affine = np.asarray(image.affine, dtype=np.float64)
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise DataError(path, "its place in space is broken (NaN, or a cell without size)", field="affine")
        image = nibabel.as_closest_canonical(image)
        values = np.asarray(image.dataobj, dtype=np.float32)
    except DataError:
        raise
    except Exception as error:  # nibabel raises whatever its parts do
        raise DataError(path, f"is damaged or no NIfTI file ({_first(error)})") from error
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise DataError(path, f"has {values.ndim} axes {values.shape}: a volume of three is wanted")
    return Volume(values=np.ascontiguousarray(values), affine=np.asarray(image.affine, np.float64))


def _header(path: Path) -> tuple[tuple[int, ...], int, int]:
    """Axes, bytes a voxel and where the voxels begin, read by hand, so that nothing is allocated for a lie."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as file:
            head = file.read(352)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(path, f"cannot be read ({_first(error)})") from error
    if len(head) < 348:
        raise DataError(path, f"is cut off: {len(head)} bytes, a NIfTI header has 348")
    for order in "<>":
        if struct.unpack_from(f"{order}i", head)[0] == 348:
            dims = struct.unpack_from(f"{order}8h", head, 40)
            bits, offset = struct.unpack_from(f"{order}h", head, 72)[0], struct.unpack_from(f"{order}f", head, 108)[0]
            if not 1 <= dims[0] <= 7 or min(dims[1 : 1 + dims[0]]) < 1:
                raise DataError(
                    path, f"tells of {dims[0]} axes {dims[1:]}: sizes of at least 1 are wanted", field="dim"
                )
            return tuple(dims[1 : 1 + dims[0]]), max(1, bits // 8), int(offset) if offset == offset else 0
    raise DataError(path, "is no NIfTI-1 file: its header does not begin with 348")


def _believable(path: Path, shape: tuple[int, ...], itemsize: int, offset: int) -> None:
    """Raise DataError where the voxels that the header tells of are too many or not in the file."""
    count = int(np.prod(shape, dtype=np.float64))
    if count > MAX_VOXELS or count * itemsize > MAX_BYTES:
        raise DataError(path, f"tells of {' x '.join(map(str, shape))} voxels, more than {MAX_VOXELS}", field="dim")
    packed = path.name.lower().endswith(".gz")
    if packed and count * itemsize > max(MAX_UNPACKED, 500 * path.stat().st_size):
        raise DataError(path, f"would grow {count * itemsize // path.stat().st_size}-fold: it is empty, or a bomb")
    held = path.stat().st_size * (1100 if packed else 1)  # deflate cannot do better than 1032 to 1
    if held < count * itemsize + (0 if packed else offset):
        raise DataError(path, f"is cut off: {path.stat().st_size} bytes cannot hold {count} voxels", field="dim")


def _series(path: Path) -> Volume:
    """The slices of a folder in the order of their places."""
    pydicom = _library("pydicom")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == DICOM)
    if not files:
        raise DataError(path, f"holds no DICOM file ({DICOM})")
    slices: list[tuple[float, Any]] = []
    kept: dict[str, Any] = {}
    for file in files:
        try:
            data = pydicom.dcmread(file)
            facts = {
                "SeriesInstanceUID": str(data.SeriesInstanceUID),
                "ImageOrientationPatient": tuple(np.round(np.asarray(data.ImageOrientationPatient, float), 4)),
                "PixelSpacing": tuple(map(float, data.PixelSpacing)),
                "Rows": int(data.Rows),
                "Columns": int(data.Columns),
            }
            place = np.asarray(data.ImagePositionPatient, float)
        except Exception as error:  # pydicom raises whatever its parts do
            raise DataError(file, f"is no usable DICOM slice ({_first(error)})") from error
        for name, value in facts.items():
            if kept.setdefault(name, value) != value:
                raise DataError(file, f"{value}, the slices before have {kept[name]}: one series a folder", field=name)
        across, down = np.asarray(facts["ImageOrientationPatient"]).reshape(2, 3)
        normal = np.cross(across, down)
        slices.append((float(normal @ place), data))
    slices.sort(key=lambda each: each[0])
    gaps = np.diff([place for place, _ in slices])
    if len(slices) > 1 and (gaps.min() <= 1e-3 or gaps.max() > 1.5 * gaps.min()):
        raise DataError(path, f"slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart: some are missing or doubled")
    return _stacked(path, [data for _, data in slices], float(np.median(gaps)) if len(gaps) else 1.0)


def _stacked(path: Path, slices: list[Any], gap: float) -> Volume:
    nibabel = _library("nibabel")
    try:
        rows = [
            data.pixel_array.astype(np.float32) * float(data.get("RescaleSlope", 1))
            + float(data.get("RescaleIntercept", 0))
            for data in slices
        ]
    except Exception as error:  # of whichever decoder
        raise DataError(path, f"the pixels cannot be decoded ({_first(error)})") from error
    first = slices[0]
    across, down = np.asarray(first.ImageOrientationPatient, float).reshape(2, 3)
    high, wide = map(float, first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, :] = np.stack(
        [across * wide, down * high, np.cross(across, down) * gap, np.asarray(first.ImagePositionPatient, float)], 1
    )
    affine[:2] *= -1  # DICOM runs to the left and to the back
    values = np.stack(rows, -1).transpose(1, 0, 2)
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(values, affine))
    return Volume(values=np.ascontiguousarray(np.asarray(image.dataobj, np.float32)), affine=image.affine)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(name, "volume") from error


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120] or type(error).__name__
