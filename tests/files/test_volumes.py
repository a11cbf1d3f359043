"""NIfTI and DICOM are read upright; damaged files are named within their header's means."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from swinkit.files import DataError, volumes
from swinkit.files.volumes import is_volume, read_labels, read_volume, write_labels


def save(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def test_every_orientation_is_turned_to_the_right_the_front_and_up(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    upright = save(tmp_path / "a.nii", values, np.diag([2.0, 3.0, 4.0, 1.0]))
    for code in ("LPS", "ASR", "IRP"):
        turn = nibabel.orientations.ornt_transform(
            nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(code)
        )
        nibabel.save(nibabel.load(upright).as_reoriented(turn), other := tmp_path / f"{code}.nii.gz")
        found = read_volume(other)
        assert np.array_equal(found.values, values)
        assert found.spacing == (2.0, 3.0, 4.0)
        assert np.allclose(found.affine, nibabel.load(upright).affine)


@pytest.mark.parametrize("end", [".nii", ".nii.gz"])
def test_parts_are_read_into_their_places(tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(-900, 900, (5, 6, 7, 1)).astype(np.int16)
    affine = np.array([[0, 0, -1.5, 7], [2, 0, 0, -3], [0, 1.0, 0, 1], [0, 0, 0, 1]])
    raw = bytearray(nibabel.Nifti1Image(values, affine).to_bytes())
    struct.pack_into("<2f", raw, 112, 0.123, -1000.7)
    path = tmp_path / f"a{end}"
    path.write_bytes(gzip.compress(bytes(raw)) if end == ".nii.gz" else bytes(raw))
    whole = nibabel.as_closest_canonical(nibabel.load(path))
    for count in (1, 60, 1 << 21):
        monkeypatch.setattr(volumes, "AT_ONCE", count)
        found = read_volume(path)
        assert np.array_equal(found.values, np.asarray(whole.dataobj)[..., 0].astype(np.float32))
        assert found.values.flags.c_contiguous and np.array_equal(found.affine, whole.affine)


def test_a_changed_byte_of_a_packed_file_is_noticed(tmp_path: Path) -> None:
    """Stored as it is, so that only the sum at the end of the file can tell; in the middle and in the last voxel."""
    raw = nibabel.Nifti1Image(np.full((30, 31, 32), 7, np.int16), np.eye(4)).to_bytes()
    good = gzip.compress(raw, compresslevel=0)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(good)
    assert (read_volume(path).values == 7).all()
    for place in (len(good) // 2, len(good) - 9):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        with pytest.raises(DataError, match=r"a\.nii\.gz: is damaged or no NIfTI file \(CRC"):
            read_volume(path)


def test_bytes_after_the_voxels_are_read_over_up_to_a_limit(tmp_path: Path) -> None:
    raw = nibabel.Nifti1Image(np.full((3, 4, 5), 7, np.int16), np.eye(4)).to_bytes()
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(raw + bytes(volumes.TAIL)))
    assert (read_volume(path).values == 7).all()
    path.write_bytes(gzip.compress(raw + bytes(volumes.TAIL + 1)))
    with pytest.raises(DataError, match="dim: goes on for more than 1048576 bytes after its voxels"):
        read_volume(path)


def test_labels_need_no_more_than_the_header_of_their_volume(tmp_path: Path) -> None:
    labels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    like = save(tmp_path / "scan.nii", np.zeros((3, 4, 5), np.float32), np.diag([-2.0, 3.0, 4.0, 1.0]))
    like.write_bytes(like.read_bytes()[:360])
    write_labels(labels, like, tmp_path / "out.nii")
    assert np.array_equal(np.asarray(nibabel.load(tmp_path / "out.nii").dataobj), labels[::-1])
    folder = series(tmp_path / "series", 2.0 * np.arange(60).reshape(4, 3, 5))
    affine = read_volume(folder).affine
    for file in folder.iterdir():
        data = pydicom.dcmread(file)
        del data.PixelData
        data.save_as(file)
    write_labels(labels, folder, tmp_path / "out.nii.gz")
    written = nibabel.load(tmp_path / "out.nii.gz")
    assert np.array_equal(np.asarray(written.dataobj), labels) and np.allclose(written.affine, affine)
    with pytest.raises(DataError, match="pixels cannot be decoded"):
        read_volume(folder)


def test_labels_are_written_into_the_place_of_their_volume(tmp_path: Path) -> None:
    labels = np.arange(24).reshape(2, 3, 4) % 5
    affine = np.array([[0, 0, -1.5, 7], [2, 0, 0, -3], [0, 1.0, 0, 1], [0, 0, 0, 1]])
    like = save(tmp_path / "scan.nii.gz", np.zeros((3, 4, 2), np.float32), affine)
    write_labels(labels, like, tmp_path / "out.nii.gz")
    written = nibabel.load(tmp_path / "out.nii.gz")
    assert written.shape == (3, 4, 2)
    assert np.allclose(written.affine, affine)
    ids, _ = read_labels(tmp_path / "out.nii.gz")
    assert np.array_equal(ids, labels)


def series(folder: Path, values: np.ndarray) -> Path:
    """A CT series of [rows columns slices] values in Hounsfield units, its files in no order."""
    folder.mkdir()
    uid = generate_uid()
    for index in range(values.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid()
        data = pydicom.Dataset()
        data.file_meta, data.SOPClassUID, data.SOPInstanceUID = meta, CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.SeriesInstanceUID, data.Rows, data.Columns = uid, *values.shape[:2]
        data.PixelSpacing, data.ImageOrientationPatient = [0.5, 0.75], [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [10.0, 20.0, 30.0 + 2.5 * index]
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 1
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.RescaleSlope, data.RescaleIntercept = 15, 2, -1000
        data.PixelData = ((values[..., index] + 1000) / 2).astype("<i2").tobytes()
        data.save_as(folder / f"{(7 * index) % values.shape[2]}.dcm", enforce_file_format=True)
    return folder


def test_a_dicom_series_is_a_volume_in_hounsfield_units(tmp_path: Path) -> None:
    values = 2.0 * np.arange(60, dtype=np.float32).reshape(4, 3, 5) - 100
    folder = series(tmp_path / "scan", values)
    assert is_volume(folder)
    found = read_volume(folder)
    # rows run to the back and columns to the left in DICOM: both are turned
    assert np.array_equal(found.values, values.transpose(1, 0, 2)[::-1, ::-1])
    assert found.spacing == pytest.approx((0.75, 0.5, 2.5))
    corner = found.affine @ [2, 3, 0, 1]  # the cell of the first row and column, in millimetres to the right and front
    assert corner[:3] == pytest.approx([-10, -20, 30])
    (folder / "4.dcm").unlink()  # the one in the middle
    with pytest.raises(DataError, match="mm apart: some are missing"):
        read_volume(folder)


def lied(file: Path, **changes: object) -> None:
    data = pydicom.dcmread(file)
    for name, value in changes.items():
        setattr(data, name, value)
    data.save_as(file, enforce_file_format=True)


@pytest.mark.parametrize(
    ("changes", "every", "message"),
    [
        ({"Rows": 60000, "Columns": 60000}, True, r"Rows: tells of 60000 x 60000 x 5 voxels"),
        ({"PixelSpacing": [0, 0]}, True, "PixelSpacing, ImageOrientationPatient: its place in space is broken"),
        ({"PixelData": b"ab"}, False, "the pixels cannot be decoded"),
        ({"NumberOfFrames": 2, "PixelData": bytes(48)}, False, r"PixelData: holds pixels \(2, 4, 3\)"),
    ],
)
def test_a_lying_dicom_file_is_named(tmp_path: Path, changes: dict, every: bool, message: str) -> None:
    folder = series(tmp_path / "scan", np.zeros((4, 3, 5), np.float32))
    for file in sorted(folder.iterdir()) if every else [folder / "4.dcm"]:
        lied(file, **changes)
    with pytest.raises(DataError, match=message) as caught:
        read_volume(folder)
    assert Path(caught.value.path).suffix == ".dcm" and (every or Path(caught.value.path).name == "4.dcm")


def test_labels_of_a_volume_that_is_gone_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.nii: cannot be read any more"):
        write_labels(np.zeros((2, 2, 2), np.uint8), tmp_path / "gone.nii", tmp_path / "out.nii.gz")


def header(**changes: object) -> bytes:
    """A NIfTI header of 4 x 4 x 4 float32 with some values replaced."""
    raw = bytearray(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.float32), np.eye(4)).to_bytes())
    for place, (form, values) in changes.items():
        struct.pack_into(form, raw, int(place[1:]), *values)
    return bytes(raw)


NAN = float("nan")
BAD = {
    "empty": (b"", "cut off: 0 bytes"),
    "short": (header()[:200], "cut off: 200 bytes"),
    "text": (b"this is no volume " * 30, "is no NIfTI-1 file"),
    "cut": (header()[:400], "cut off: 400 bytes cannot hold 64 voxels"),
    "huge": (header(_40=("<8h", (4, 32767, 32767, 32767, 32767, 1, 1, 1))), "more than 536870912"),
    "negative": (header(_40=("<8h", (3, 4, -4, 4, 1, 1, 1, 1))), "tells of 3 axes"),
    "no axes": (header(_40=("<8h", (0, 4, 4, 4, 1, 1, 1, 1))), "tells of 0 axes"),
    "four axes": (
        nibabel.Nifti1Image(np.zeros((2, 2, 2, 3), np.float32), np.eye(4)).to_bytes(),
        "has 4 axes",
    ),
    "nan": (nibabel.Nifti1Image(np.full((4, 4, 4), NAN, np.float32), np.eye(4)).to_bytes(), "64 of 64 voxels are NaN"),
    "nan place": (header(_280=("<4f", (NAN, 0, 0, 0))), "place in space is broken"),
    "flat cell": (header(_280=("<12f", (0,) * 12)), "place in space is broken"),
    "odd type": (header(_70=("<2h", (1234, 32))), "damaged or no NIfTI"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_damaged_files_are_named_in_one_sentence(tmp_path: Path, name: str, packed: bool) -> None:
    raw, said = BAD[name]
    path = tmp_path / ("scan.nii.gz" if packed else "scan.nii")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    if packed and name == "cut":
        said = "damaged"
    with pytest.raises(DataError, match=said) as caught:
        read_volume(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_packed_files_that_end_early_and_labels_that_are_none(tmp_path: Path) -> None:
    whole = gzip.compress(header())
    (tmp_path / "a.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.nii\.gz: .*(cannot be read|damaged)"):
        read_volume(tmp_path / "a.nii.gz")
    for value, said in ((0.5, "no class ids"), (-1.0, "no class ids")):
        with pytest.raises(DataError, match=said):
            read_labels(save(tmp_path / "b.nii", np.full((2, 2, 2), value, np.float32)))
    with pytest.raises(DataError, match="cannot be read"):
        read_volume(tmp_path / "missing.nii")
