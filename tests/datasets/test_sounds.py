"""Manifests, features and made digits: what is read, and who is kept for validation and test."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sound_data import features, manifest, table, wav

from swinkit.datasets import LAYOUTS, ClassFolder, SoundFeatures, SoundTable, SpokenDigits, recognise
from swinkit.files import ConfigError, DataError
from swinkit.modalities import Audio


@pytest.mark.parametrize("packed", [False, True])
def test_a_manifest_is_read_beside_files_and_tars(tmp_path, packed):
    manifest(tmp_path, packed=packed)
    assert recognise(tmp_path, "classify") == recognise(tmp_path / "manifest.csv", "transcribe") == "sound_table"
    layout = SoundTable(path=str(tmp_path)).of_task("transcribe").resolved()
    assert layout.splits() == ("train", "val", "test") and " " in layout.classes
    train, val, test = (layout.open(split) for split in layout.splits())
    assert len(train) + len(val) == 10 and len(test) == 2
    record = test[0]
    assert "".join(layout.classes[unit] for unit in record.target) == test.texts()[0]
    assert Audio(rate=8000).read(record).grid.shape[1] > 1000
    assert ("sounds.tar/recordings" in record.source.as_posix()) is packed


def test_validation_is_held_out_by_speaker(tmp_path):
    manifest(tmp_path)
    layout = SoundTable(path=str(tmp_path), target="text")
    train, val = layout.open("train"), layout.open("val")
    assert set(val.speakers()) and not set(train.speakers()) & set(val.speakers())
    assert "1 of 4 speakers" in val.notes[0]
    by_file = SoundTable(path=str(tmp_path), target="text", hold_out="files")
    assert len(by_file.open("val")) == 1 and "samples" in by_file.open("val").notes[0]


def test_speakers_can_be_named_for_test_and_validation(tmp_path):
    manifest(tmp_path)
    layout = SoundTable(path=str(tmp_path), target="text", test_speakers=("s1",), val_speakers=("s2",))
    found = {split: set(layout.open(split).speakers()) for split in layout.splits()}
    assert found == {"train": {"s0", "s3"}, "val": {"s2"}, "test": {"s1"}}
    with pytest.raises(ConfigError, match="no speaker 's9': did you mean 's0'|no speaker 's9'"):
        SoundTable(path=str(tmp_path), target="text", test_speakers=("s9",)).splits()
    with pytest.raises(ConfigError, match="'s1' is among both"):
        SoundTable(path=str(tmp_path), test_speakers=("s1",), val_speakers=("s1",))


def test_json_lines_are_manifests_too(tmp_path):
    for split in ("train", "dev"):
        rows = [{"audio_filepath": f"{n}.wav", "text": "a b", "duration": 0.4} for n in range(3)]
        (tmp_path / f"{'val' if split == 'dev' else split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for n in range(3):
        (tmp_path / f"{n}.wav").write_bytes(wav())
    assert recognise(tmp_path, "transcribe") == "sound_table"
    with pytest.raises(DataError, match="is there already"):  # a file of train is no file of val
        SoundTable(path=str(tmp_path), target="text").open("val")
    (tmp_path / "val.jsonl").unlink()
    assert SoundTable(path=str(tmp_path), target="text").open("train").classes == (" ", "a", "b")


def test_features_are_cut_by_their_offsets(tmp_path):
    features(tmp_path)
    assert recognise(tmp_path, "transcribe") == "sound_features"
    layout = SoundFeatures(path=str(tmp_path), target="text", hold_out="files")
    records = [layout.open("train")[n] for n in range(3)]
    assert all(record.source.shape == (30, 5) and record.source.dtype == np.float32 for record in records)
    assert layout.resolved().classes == (" ", "A", "B") and {record.id for record in records} <= {
        "u0",
        "u1",
        "u2",
        "u3",
    }


def test_folders_of_sounds_are_classes(tmp_path):
    for name in ("bark", "meow"):
        (tmp_path / name).mkdir()
        for n in range(3):
            (tmp_path / name / f"{n}.wav").write_bytes(wav())
    assert recognise(tmp_path, "classify") == "class_folder"
    assert ClassFolder(path=str(tmp_path)).resolved().classes == ("bark", "meow")


def test_tables_of_pictures_and_of_text_are_left_to_others(tmp_path):
    table(tmp_path / "train.csv", [{"file": "a.png", "label": "cat", "text": "a cat"}])
    assert not SoundTable.recognises(tmp_path)
    assert not SoundTable.recognises(tmp_path / "train.csv") and not SoundFeatures.recognises(tmp_path)


def test_made_digits_are_functions_of_seed_split_and_index():
    digits = SpokenDigits(target="text", counts=(4, 2, 2))
    one, same, other = digits.open("train")[1], SpokenDigits(target="text", counts=(9, 2, 2)).open("train")[1], None
    assert np.array_equal(one.source, same.source) and np.array_equal(one.target, same.target)
    other = digits.open("test")[1]
    assert one.source.shape != other.source.shape or not np.array_equal(one.source, other.source)
    text = "".join(digits.open("train").classes[unit] for unit in one.target)
    assert 2 <= len(text.split()) <= 5 and np.abs(one.source).max() < 1 and one.source.dtype == np.float32
    single = SpokenDigits().open("val")
    assert single.classes[single[0].target] in single[0].id and LAYOUTS["spoken_digits"] is SpokenDigits
