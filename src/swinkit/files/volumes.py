"""Volumes of NIfTI files and DICOM series, with the size of their cells, turned so that the axes run to the right, to
the front and up (RAS+); label maps as NIfTI in the geometry of the volume that they are for."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Integer

from swinkit.files.atomic import replace_file
from swinkit.files.dicom import DICOM, read_series, series_affine
from swinkit.files.errors import DataError
from swinkit.files.orientation import MAX_VOXELS, empty_ras, first_line, library, ras_affine, turned_from_ras

NIFTI = (".nii", ".nii.gz")
MAX_BYTES = 1 << 32
AT_ONCE = 1 << 21
"""Voxels that are read at once."""
LEVEL = 6
"""Of packing: 9 makes label maps a tenth smaller and takes 20 to 30 times as long."""
TAIL = 1 << 20
"""Bytes after the voxels that are read over."""
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
    values, affine = read_series(path) if path.is_dir() else _nifti(path)
    if broken := sum(plane.size - np.count_nonzero(np.isfinite(plane)) for plane in values):
        raise DataError(path, f"{broken} of {values.size} voxels are NaN or infinite: replace them")
    return Volume(values=values, affine=affine)


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
    """Write class indices (uint8) as NIfTI: turned back to the axes of the volume `like`, with its affine. Raises
    DataError where that cannot be read."""
    nibabel = library("nibabel")
    turned, held = labels.astype(np.uint8, copy=False), io.BytesIO()
    if Path(like).is_dir():
        affine = series_affine(Path(like))
    else:
        try:
            affine = nibabel.load(like).affine
        except Exception as error:  # nibabel raises whatever its parts do
            raise DataError(like, f"cannot be read any more ({first_line(error)})") from error
        turned = turned_from_ras(turned, affine)
    packed = str(path).endswith(".gz")
    with gzip.GzipFile(fileobj=held, mode="wb", compresslevel=LEVEL, mtime=0) if packed else nullcontext(held) as file:
        nibabel.Nifti1Image(turned, affine).to_stream(file)
    replace_file(Path(path), held.getvalue())


def _nifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values [x y z] float32 and their affine [4 4], read a part at a time."""
    nibabel = library("nibabel")
    shape, itemsize, offset = _header(path)
    _believable(path, shape, itemsize, offset)
    try:
        with _opened(path) as file:  # one reader from end to end, or a packed file is unpacked from its beginning anew
            image = nibabel.Nifti1Image.from_stream(file)
            affine = np.asarray(image.affine, dtype=np.float64)
            if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
                raise DataError(path, "its place in space is broken (NaN, or a cell without size)", field="affine")
            shape = tuple(image.shape)
            if len(shape) != 3 and (len(shape) != 4 or shape[3] != 1):
                raise DataError(path, f"has {len(shape)} axes {shape}: a volume of three is wanted")
            values, own = empty_ras(shape[:3], affine)
            step = max(1, AT_ONCE // (shape[0] * shape[1]))
            for first in range(0, shape[2], step):
                part = slice(first, min(first + step, shape[2]))
                own[:, :, part] = image.dataobj[:, :, part] if len(shape) == 3 else image.dataobj[:, :, part, 0]
            # little comes after the voxels, if anything; where a packed file ends, the sum of its bytes is compared
            if isinstance(file, gzip.GzipFile) and len(file.read(TAIL + 1)) > TAIL:
                raise DataError(path, f"goes on for more than {TAIL} bytes after its voxels", field="dim")
    except DataError:
        raise
    except Exception as error:  # nibabel raises whatever its parts do
        raise DataError(path, f"is damaged or no NIfTI file ({first_line(error)})") from error
    return values, ras_affine(shape[:3], affine)


def _opened(path: Path) -> Any:
    """The bytes of a file, unpacked."""
    return gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb")


def _header(path: Path) -> tuple[tuple[int, ...], int, int]:
    """Axes, bytes a voxel and where the voxels begin, read by hand, so that nothing is allocated for a lie."""
    try:
        with _opened(path) as file:
            head = file.read(352)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(path, f"cannot be read ({first_line(error)})") from error
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
