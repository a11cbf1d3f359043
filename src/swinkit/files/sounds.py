"""Careful decoding of sound files: explicit formats, header against size, bounded, mixed to one channel, resampled."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float32

from swinkit.files.contents import open_content
from swinkit.files.errors import DataError, MissingExtra

SOUND_FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
SOUND_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3"})
LOWEST_RATE, HIGHEST_RATE = 1000, 768_000
MOST_CHANNELS = 64
MAX_SAMPLES = 100_000_000
"""Of one file that is held in memory, 1.7 hours at 16 kHz."""
BLOCK = 1 << 16
"""Samples that are decoded at a time."""


def read_sound(path: Path | str, rate: int, *, content: bytes | None = None) -> Float32[np.ndarray, " samples"]:
    """The sound as one channel (the mean of all) at `rate` samples a second; full scale is 1.

    Resampled with soxr's high quality. `path` may lead into a plain tar.

    Raises:
        DataError: it is missing, empty, no sound file, damaged, cut short, without a sample, not finite, or longer
            than `MAX_SAMPLES`.
        MissingExtra: soundfile or soxr is not installed.
    """
    with opened_sound(path, content=content) as file:
        if file.frames > MAX_SAMPLES:
            raise DataError(path, f"has {file.frames:,} samples, more than {MAX_SAMPLES:,}: cut it into pieces")
        blocks = list(_blocks(file, path))
        came = int(file.samplerate)
    return resampled(np.concatenate(blocks), came, rate)


def sound_length(path: Path | str) -> float:
    """Seconds, from the header; nothing is decoded. Raises DataError like `read_sound`."""
    with opened_sound(path) as file:
        return file.frames / file.samplerate


def sound_blocks(path: Path | str, rate: int) -> Generator[Float32[np.ndarray, " samples"]]:
    """The same samples as `read_sound` gives, a few seconds at a time, in constant memory. Raises DataError."""
    resampler = None
    with opened_sound(path) as file:
        if file.samplerate != rate:
            resampler = _soxr().ResampleStream(file.samplerate, rate, 1, dtype="float32", quality="HQ")
        for block in _blocks(file, path):
            yield block if resampler is None else resampler.resample_chunk(block)
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def resampled(samples: Float32[np.ndarray, " samples"], came: float, wanted: float, quality: str = "HQ") -> np.ndarray:
    """[samples2] float32: a sound of `came` samples a second at `wanted` samples a second."""
    if came == wanted:
        return samples
    return np.asarray(_soxr().resample(samples, came, wanted, quality=quality), np.float32)


@contextmanager
def opened_sound(path: Path | str, *, content: bytes | None = None) -> Generator[Any]:
    """soundfile's `SoundFile` with its header read and checked; its faults inside the block are DataErrors."""
    soundfile = _soundfile()
    from io import BytesIO

    with open_content(path, "sound") if content is None else BytesIO(content) as stream:
        _check_riff(stream, path)
        try:
            with soundfile.SoundFile(stream) as file:
                _check(file, path)
                yield file
        except soundfile.LibsndfileError as error:
            said = str(error)
            if "not recognised" in said or "unknown format" in said:
                raise DataError(path, "is no WAV, FLAC, Ogg or MP3 file, or its header is damaged") from error
            raise DataError(path, f"is damaged and cannot be decoded: {_reason(error)}: copy it again") from error
        except (RuntimeError, TypeError, ValueError, MemoryError) as error:
            raise DataError(path, "is damaged and cannot be decoded: copy it again") from error


def _check(file: Any, path: Path | str) -> None:
    if file.format not in SOUND_FORMATS:
        raise DataError(path, f"is a {file.format} file: only WAV, FLAC, Ogg and MP3 are read")
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        wanted = f"wanted {LOWEST_RATE} to {HIGHEST_RATE}"
        raise DataError(path, f"{file.samplerate} samples a second, {wanted}", field="sample rate")
    if file.channels > MOST_CHANNELS:
        raise DataError(path, f"{file.channels} channels, at most {MOST_CHANNELS} are read", field="channels")
    if file.frames <= 0:
        raise DataError(path, "holds no sample")


def _blocks(file: Any, path: Path | str) -> Iterator[Float32[np.ndarray, " samples"]]:
    """One channel, block by block; DataError where there are fewer samples than the header says, or one is no
    number."""
    done = 0
    most = max(1, BLOCK // file.channels)
    while done < file.frames:
        block = file.read(most, dtype="float32", always_2d=True)
        if not len(block):
            if file.format == "MP3":  # its length is an estimate
                return
            raise DataError(path, f"is cut short: {done:,} of {file.frames:,} samples: copy it again")
        if not np.isfinite(block).all():
            raise DataError(path, "holds samples that are no finite numbers: export it again", field="samples")
        done += len(block)
        yield block.mean(1) if block.shape[1] > 1 else block[:, 0]


def _check_riff(stream: BinaryIO, path: Path | str) -> None:
    """DataError where a WAV file claims what it cannot hold; libsndfile would read the rest without a word."""
    head = stream.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        size = stream.seek(0, 2)
        place = 12
        while place + 8 <= size:
            stream.seek(place)
            name, length = struct.unpack("<4sI", stream.read(8))
            if name == b"fmt " and length >= 14:
                _, channels, rate = struct.unpack("<HHI", stream.read(8))
                if not channels or not rate:
                    field = "sample rate" if channels else "channels"
                    raise DataError(path, "is 0: export it again", field=field)
            if name == b"data":
                if length > size - place - 8:
                    held = f"claims {length:,} bytes of sound and holds {size - place - 8:,}"
                    raise DataError(path, f"is cut short: it {held}: copy it again")
                break
            place += 8 + length + length % 2
    stream.seek(0)


def _reason(error: Exception) -> str:
    """libsndfile's words without the name that Python gives to a stream."""
    return getattr(error, "error_string", str(error)).removeprefix("Error : ").rstrip(".")


def _soundfile() -> Any:
    try:
        import soundfile  # pyright: ignore[reportMissingTypeStubs]
    except (ImportError, OSError) as error:  # OSError: the wheel without its libsndfile
        raise MissingExtra("soundfile", "audio") from error
    return soundfile


def _soxr() -> Any:
    try:
        import soxr  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtra("soxr", "audio") from error
    return soxr
