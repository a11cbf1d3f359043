"""The three splits, and what is kept for validation where a data set has none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from swinkit.files import ConfigError, DataError

SPLITS = {"train": ("train", "training"), "val": ("val", "validation", "valid", "dev"), "test": ("test", "testing")}
"""Split -> its names on disk."""


def canonical(split: str) -> str:
    """train, val or test for any accepted name of a split; ConfigError for others."""
    for name, aliases in SPLITS.items():
        if split in aliases:
            return name
    raise ConfigError(f"no split {split!r}: there are {', '.join(SPLITS)}")


def named(found: Mapping[str, object]) -> tuple[str, ...]:
    """Of train, val and test, those that can be opened: val can be held out of train."""
    return tuple(name for name in SPLITS if name in found or (name == "val" and "train" in found))


def smallest_hashes(ids: Sequence[str], share: float) -> set[str]:
    """Ids to validate on where there is no validation split: the smallest hashes, so adding files moves few of them."""
    count = min(max(1, round(share * len(ids))), len(ids) - 1)
    return set(sorted(ids, key=_hash)[:count])


def held_out(path: object, ids: Sequence[str], share: float) -> tuple[set[str], str]:
    """`smallest_hashes` of the training data at `path`, and the sentence to tell the user.

    Raises:
        DataError: there are too few to share.
    """
    if len(ids) < 2:
        raise DataError(str(path), f"{len(ids)} usable training samples cannot be split into train and val: add some")
    out = smallest_hashes(ids, share)
    note = (
        f"{path} has no val split: {len(out)} of {len(ids)} training samples, chosen by the hash of their names, are "
        "kept for validation (near-duplicates may then be on both sides)"
    )
    return out, note


def refuse(problems: Sequence[DataError], split: str) -> None:
    """DataError for the first of the problems, with the number of the others."""
    if problems:
        first, others = problems[0], len(problems) - 1
        more = f" (and {others} more in {split}: `swinkit check` lists them)" if others else ""
        raise DataError(first.path, first.what + more, field=first.field)


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).digest()
