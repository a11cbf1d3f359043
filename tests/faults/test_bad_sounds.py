"""Every broken sound is one sentence with its file and field, in little memory; odd ones are read."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

import numpy as np
import pytest
from limits import within_limits
from sound_data import tone, wav

from swinkit.files import DataError
from swinkit.files.sounds import read_sound, sound_blocks
from swinkit.modalities import Audio
from swinkit.types import Record


def patched(place: int, form: str, value: int) -> bytes:
    """A wav file with another number in its header."""
    content = bytearray(wav())
    content[place : place + struct.calcsize(form)] = struct.pack(form, value)
    return bytes(content)


def floats(value: float) -> bytes:
    samples = tone()
    samples[100] = value
    return wav(samples, subtype="FLOAT")


def lie(samples: int) -> bytes:
    """A FLAC file that claims so many samples."""
    content = bytearray(wav(format="FLAC"))
    content[21:26] = bytes([content[21] & 0xF0 | samples >> 32 & 15, *struct.pack(">I", samples & 0xFFFFFFFF)])
    return bytes(content)


SOUNDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.wav": (lambda: b"", "is empty"),
    "text.wav": (lambda: b"this is no sound\n" * 9, "is no WAV, FLAC, Ogg or MP3"),
    "html.flac": (lambda: b"<html>not found</html>", "is no WAV, FLAC, Ogg or MP3"),
    "zeros.wav": (lambda: bytes(4096), "is no WAV, FLAC, Ogg or MP3"),
    "header-10.wav": (lambda: wav()[:10], "is no WAV, FLAC, Ogg or MP3|is damaged"),
    "header-30.wav": (lambda: wav()[:30], "is damaged"),
    "half.wav": (lambda: wav()[:3000], r"is cut short: it claims [\d,]+ bytes of sound and holds"),
    "half.flac": (
        lambda: wav(np.random.default_rng(0).uniform(-1, 1, 9000), format="FLAC")[:6000],
        "damaged|cut short",
    ),
    "half.ogg": (lambda: wav(format="OGG")[:2000], "is damaged|cut short"),
    "head.flac": (lambda: wav(format="FLAC")[:60], "is damaged"),
    "four-gigabytes.wav": (lambda: patched(40, "<I", 0xFFFFFFF0), r"is cut short: it claims 4,294,967,280 bytes"),
    "no-channels.wav": (lambda: patched(22, "<H", 0), "channels: is 0"),
    "no-rate.wav": (lambda: patched(24, "<I", 0), "sample rate: is 0"),
    "rate-4e9.wav": (lambda: patched(24, "<I", 4_000_000_000), "is damaged|sample rate: "),
    "rate-50.wav": (lambda: patched(24, "<I", 50), "sample rate: 50 samples a second, wanted 1000"),
    "60000-channels.wav": (lambda: patched(22, "<H", 60_000), "is damaged|channels: "),
    "no-samples.wav": (lambda: wav(np.zeros(0, np.float32)), "holds no sample"),
    "claims-none.wav": (lambda: patched(40, "<I", 0), "holds no sample"),
    "nan.wav": (lambda: floats(float("nan")), "samples: holds samples that are no finite numbers"),
    "inf.wav": (lambda: floats(float("inf")), "samples: holds samples that are no finite numbers"),
    "aiff.wav": (lambda: wav(format="AIFF"), "is a AIFF file"),
    "lie.flac": (lambda: lie(2**35), r"has [\d,]+ samples, more than|cut short|damaged"),
    "lie-short.flac": (lambda: lie(90_000), "cut short|damaged"),
    "noise.mp3": (lambda: np.random.default_rng(1).bytes(3000), "is no WAV, FLAC, Ogg or MP3|is damaged"),
}
FINE: dict[str, Callable[[], bytes]] = {
    "24-bit.wav": lambda: wav(subtype="PCM_24"),
    "8-bit.wav": lambda: wav(subtype="PCM_U8"),
    "float64.wav": lambda: wav(subtype="DOUBLE"),
    "odd-align.wav": lambda: patched(32, "<H", 3),
    "192-khz.wav": lambda: wav(tone(rate=192_000), 192_000),
    "8-channels.wav": lambda: wav(np.repeat(tone()[:, None], 8, 1)),
    "flac-called.wav": lambda: wav(format="FLAC"),
    "silence.wav": lambda: wav(np.zeros(4000, np.float32)),
    "dc.wav": lambda: wav(np.full(4000, 0.5, np.float32)),
    "one-sample.wav": lambda: wav(np.full(1, 0.5, np.float32)),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_a_broken_sound_is_one_sentence_with_its_file(tmp_path, name):
    make, message = SOUNDS[name]
    path = tmp_path / name
    path.write_bytes(make())
    with within_limits(), pytest.raises(DataError, match=message) as caught:
        read_sound(path, 8000)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value) and "0x" not in str(caught.value)


@pytest.mark.parametrize("name", FINE)
def test_an_odd_sound_is_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FINE[name]())
    audio = Audio(rate=8000, bands=12)
    samples = read_sound(path, 8000)
    assert samples.dtype == np.float32 and np.isfinite(samples).all() and len(samples) <= 4000
    np.testing.assert_array_equal(np.concatenate(list(sound_blocks(path, 8000))), samples)
    assert audio.standard(audio.read(Record(id="x", source=path))).grid.isfinite().all()


def test_what_is_no_plain_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "nothing.wav")
    for name, message in (("pipe", "is not a plain file"), ("folder", "is a folder"), ("link", "is a link to nothing"),
                          ("missing", "does not exist")):  # fmt: skip
        with pytest.raises(DataError, match=f"{name}.wav: {message}"):
            read_sound(tmp_path / f"{name}.wav", 8000)
