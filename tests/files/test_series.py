"""Series in CSV tables: every form is read, and what is wrong with a file is one sentence with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swinkit.files import DataError
from swinkit.files.series import addresses, read_series, write_points

HEAD = "frame,track,point,x,y,score\n"


def table(folder: Path, text: str, name: str = "clip.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_a_point(tmp_path):
    text = HEAD + "3,1,nose,1,2,0.9\n3,1,tail,5,6,0.8\n5,1,nose,3,4,0.7\n5,1,tail,,,0.1\n"
    found = read_series(table(tmp_path, text))
    assert found.names == ("nose", "tail") and found.points and found.values.shape == (6, 3)
    np.testing.assert_allclose(found.values[0], [1, np.nan, 3])  # frame 4 is missing
    np.testing.assert_allclose(found.rows(["tail"], tmp_path)[:, 2], [np.nan, np.nan, 0.1], rtol=1e-6)


def test_what_predict_writes_about_pictures_in_a_row(tmp_path):
    text = "file,thing,point,x,y,score\nb.png,0,nose,1,2,1\na.png,0,nose,3,4,1\n"
    assert read_series(table(tmp_path, text)).values[0].tolist() == [1, 3]


def test_a_line_a_frame_of_points_or_of_columns(tmp_path):
    points = read_series(table(tmp_path, "frame,nose_x,nose_y,nose_likelihood,tail_x,tail_y\n0,1,2,0.5,3,4\n"))
    assert points.points and points.names == ("nose", "tail")
    np.testing.assert_allclose(points.values[:, 0], [1, 2, 0.5, 3, 4, 1])
    columns = read_series(table(tmp_path, "time,ax,ay\n0.1,1,2\n0.2,3,\n"))
    assert not columns.points and columns.names == ("ax", "ay")
    np.testing.assert_allclose(columns.values, [[1, 3], [2, np.nan]])


def test_tracks_of_one_file_are_named_behind_it(tmp_path):
    tracks = [np.full((2, 3, 4), value, np.float32) for value in (1, 2)]
    tracks[0][0, :2, 1] = np.nan
    path = tmp_path / "clip.csv"
    write_points(path, ("nose", "tail"), tracks)
    assert [each.name for each in addresses(path)] == ["clip.csv#1", "clip.csv#2"]
    for address, track in zip(addresses(path), tracks, strict=True):
        np.testing.assert_allclose(read_series(address).values.reshape(2, 3, 4), track)
    with pytest.raises(DataError, match=r"clip.csv: track: holds 2 tracks: name one of them, clip.csv#1"):
        read_series(path)
    with pytest.raises(DataError, match="there is no '3'"):
        read_series(tmp_path / "clip.csv#3")
    write_points(path, ("nose", "tail"), tracks[:1])
    assert addresses(path) == [path]


WRONG = {
    "": "clip.csv: is empty",
    HEAD: "clip.csv: holds no line below its header",
    "frame,track,point,x,score\n0,1,nose,1,1\n": "clip.csv: y: is no column",
    "track,point,x,y\n1,nose,1,1\n": "clip.csv: frame: is no column",
    HEAD + "0,1,nose,1,2,0.9\n1,1,nose,left,2,0.9\n": "clip.csv: x: line 3: 'left' is no number",
    HEAD + "0,1,nose,inf,2,0.9\n": "clip.csv: x: line 2: 'inf' is no number that can be used",
    HEAD + "0,1,nose,1,2,0.9\n1,1,nose,1\n": "clip.csv: line 3: has 4 cells, the header has 6",
    HEAD + "0,1,nose,nan,nan,0.9\n": "clip.csv: holds no value: all of them are missing",
    HEAD + "0,1,nose,1,2,1\n0,1,nose,1,2,1\n": "clip.csv: frame: line 3: frame 0 has point 'nose' a second time",
    HEAD + "0.5,1,nose,1,2,1\n": "clip.csv: frame: line 2: '0.5' is no number of a frame",
    HEAD + "1e300,1,nose,1,2,1\n": "clip.csv: frame: line 2: '1e300' is no number of a frame",
    HEAD + "0,1,nose,1,2,1\n900000000,1,nose,1,2,1\n": "clip.csv: frame: reaches over 900000001 frames",
    "frame,ax,ax\n0,1,2\n": "clip.csv: ax: is a column twice",
    "frame,ax\n0,1\n0,2\n": "clip.csv: frame: line 3: frame 0 has a line a second time",
    "frame,track\n0,1\n": "clip.csv: header: has no column of values",
    'frame,ax\n0,"1\n': "clip.csv: line 2: is no CSV",
}


@pytest.mark.parametrize("text", WRONG, ids=list(WRONG.values()))
def test_what_is_wrong_is_said_with_its_place(text, tmp_path):
    path = table(tmp_path, text)
    with pytest.raises(DataError) as raised:
        read_series(path)
    assert str(raised.value).startswith(str(tmp_path / WRONG[text])) and "\n" not in str(raised.value)


def test_files_that_are_no_text_and_tracks_that_are_no_names(tmp_path):
    path = tmp_path / "clip.csv"
    with pytest.raises(DataError, match="cannot be read"):
        read_series(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_series(path)
    with pytest.raises(DataError, match=r"'\.\./x' names no track"):
        addresses(table(tmp_path, HEAD + "0,../x,nose,1,2,1\n0,b,nose,1,2,1\n"))
    with pytest.raises(DataError, match=r"point: 'nos' is no point of it: did you mean 'nose'"):
        read_series(table(tmp_path, HEAD + "0,1,nose,1,2,1\n")).rows(["nos"], path)
