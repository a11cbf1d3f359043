"""Weight files by their name on the Hugging Face hub: fetched once, pinned to a commit, and hashed at every load.

The first load of a name finds out which commit its branch points to, and the cache remembers it: from then on the name
means that commit, with or without a network, until `refresh` asks again. The cache is the one that huggingface_hub
shares among programs. huggingface_hub is imported when a name is fetched, never before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swinkit.files import CheckpointError, replace_file, sha256

PREFIXES = ("hf-hub:", "hf_hub:", "hf://")
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".onnx")
BELONGINGS = ("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "rng_state.pth")
CONFIG, CONFIG_BYTES = "config.json", 1 << 20
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w.-]+(?:/[\w.-]+)*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A weight file of the hub, in the cache."""

    path: Path
    repo: str
    commit: str
    sha256: str
    config: dict[str, Any] = field(default_factory=dict)
    """What the repository's config.json says; empty without one."""

    def __str__(self) -> str:
        return f"{self.repo}@{self.commit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A repository at a revision, and where it is fetched from and kept."""

    repo: str
    revision: str
    cache: Path
    endpoint: str

    @property
    def folder(self) -> Path:
        return self.cache / f"models--{self.repo.replace('/', '--')}"

    @property
    def ref(self) -> Path:
        return self.folder / "refs" / self.revision


def hub_name(source: Path | str) -> tuple[str, str | None] | None:
    """(repository, revision) where `source` names a model of the hub, None where it is a path.

    `hf-hub:ORG/NAME` always does. `ORG/NAME` does where there is no such path, no folder ORG here, and NAME has not the
    suffix of a weight file. Both may end in `@REVISION`.
    """
    text = str(source)
    prefix = next((prefix for prefix in PREFIXES if text.startswith(prefix)), "")
    found = _NAME.fullmatch(text.removeprefix(prefix))
    if found is None or ".." in text:
        if prefix:
            raise CheckpointError(f"{text}: wanted {prefix}ORG/NAME or {prefix}ORG/NAME@REVISION")
        return None
    here = Path(text).exists() or Path(text).parent.is_dir() or text.lower().endswith(SUFFIXES)
    return (found[1], found[2]) if prefix or (isinstance(source, str) and not here) else None


def fetch(
    name: str,
    *,
    revision: str | None = None,
    file: str | None = None,
    cache: Path | str | None = None,
    endpoint: str | None = None,
    refresh: bool = False,
) -> Fetched:
    """The weight file of a name of the hub, from the cache where it is there.

    Args:
        name: see `hub_name`.
        revision: a commit, tag or branch; also `NAME@REVISION`. By default `main`.
        file: which file, where the repository holds several.
        cache, endpoint: by default where huggingface_hub keeps its files, and the hub itself.
        refresh: ask the hub what the revision is now, though the cache knows what it was.

    Raises:
        CheckpointError: not a name, no such repository, revision or file, no network and not in the cache, or the file
            is not the one whose sum the hub tells; one sentence.
    """
    found = hub_name(name) or hub_name(PREFIXES[0] + name)
    if found is None or (revision is not None and ".." in revision):
        raise CheckpointError(f"{name}: wanted ORG/NAME or ORG/NAME@REVISION")
    from huggingface_hub import constants

    place = _Place(
        repo=found[0],
        revision=revision or found[1] or "main",
        cache=Path(cache or constants.HF_HUB_CACHE),
        endpoint=endpoint or constants.ENDPOINT,
    )
    commit = _known_commit(place)
    path = None if refresh or commit is None else _cached(place, commit, file)
    wanted = None
    if path is None or commit is None:
        path, commit, wanted = _download(place, file)
    digest = _verified(path, wanted, place)
    if wanted is not None and not _COMMIT.fullmatch(place.revision):
        place.ref.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place.ref, commit.encode())
    return Fetched(path=path, repo=place.repo, commit=commit, sha256=digest, config=_config(path))


def pick(names: Iterable[str], where: str) -> str | None:
    """The one weight file among a repository's; safetensors first. CheckpointError where there are several alike."""
    top = sorted(name for name in names if "/" not in name and name not in BELONGINGS)
    for usual, suffixes in (("model.safetensors", (".safetensors",)), ("pytorch_model.bin", (".bin", ".pth", ".pt"))):
        found = [name for name in top if name.endswith(suffixes)]
        if usual in found or len(found) == 1:
            return usual if usual in found else found[0]
        if found:
            raise CheckpointError(f"{where}: holds several weight files ({', '.join(found[:5])}): say which with file=")
    return None


def told(config: dict[str, Any]) -> dict[str, Any]:
    """What a config.json of transformers or timm says that the tensors of Swin V2 do not: `window`, `size`,
    `bias_window`, as `read` takes them."""
    if config.get("model_type") == "swinv2":
        found = {"window": config.get("window_size"), "size": config.get("image_size")}
        trained = config.get("pretrained_window_sizes")
        if isinstance(trained, list) and any(trained):
            found["bias_window"] = tuple(trained)
        return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if value}
    text = re.fullmatch(r"swinv2_\w*?window(\d+)(?:to(\d+))?_(\d+)(?:to(\d+))?\w*", str(config.get("architecture")))
    if text is None:
        return {}
    first, second, before, after = (int(number) if number else None for number in text.groups())
    found = {"window": second or first, "size": after or before}
    if second:  # windows of the later stages were cut to the maps of the size that the weights were first trained at
        found["bias_window"] = tuple(min(first, before // 4 // 2**stage) for stage in range(4))
    return found


def _known_commit(place: _Place) -> str | None:
    """The commit that the revision is, as far as it is known here."""
    if _COMMIT.fullmatch(place.revision):
        return place.revision
    try:
        text = place.ref.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return text if _COMMIT.fullmatch(text) else None


def _cached(place: _Place, commit: str, file: str | None) -> Path | None:
    folder = place.folder / "snapshots" / commit
    if file is None and folder.is_dir():
        file = pick((path.name for path in folder.iterdir()), str(place.repo))
    path = None if file is None or ".." in file else folder / file
    return path if path is not None and path.is_file() else None


def _download(place: _Place, file: str | None) -> tuple[Path, str, str]:
    """The file, its commit, and the sum that the hub tells."""
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import HTTPError

    where = f"{place.repo}@{place.revision}"
    try:
        info = HfApi(endpoint=place.endpoint).model_info(
            place.repo, revision=place.revision, files_metadata=True, timeout=SECONDS
        )
        files = {sibling.rfilename: sibling for sibling in info.siblings or []}
        chosen = file or pick(files, where)
        if chosen not in files or not _COMMIT.fullmatch(info.sha or ""):
            lacks = f"has no file {file!r}" if file else "holds no weight file"
            raise CheckpointError(f"{where}: {lacks}; there are: {', '.join(sorted(files)[:8]) or 'none'}")
        fetched = [
            hf_hub_download(
                place.repo,
                name,
                revision=info.sha,
                cache_dir=place.cache,
                endpoint=place.endpoint,
                etag_timeout=SECONDS,
            )
            for name in (chosen, CONFIG)
            if name in files
        ]
    except (HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(_sentence(error, place, where)) from error
    sibling = files[chosen]
    return Path(fetched[0]), str(info.sha), sibling.lfs.sha256 if sibling.lfs else sibling.blob_id or ""


def _sentence(error: Exception, place: _Place, where: str) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return f"{where}: asks for your consent: give it on {place.endpoint}/{place.repo}, then `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{where}: {place.endpoint} has no such model, or it is private (then `hf auth login`)"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{where}: the model has no revision {place.revision!r}: name a branch, a tag or a commit"
    reason = str(error).strip().split("\n")[0][:120] or type(error).__name__
    return (
        f"{where}: is neither in {place.cache} nor to be had from {place.endpoint} ({reason}): "
        "go online, or give the path of a file"
    )


def _verified(path: Path, wanted: str | None, place: _Place) -> str:
    """The file's SHA-256, once its content is what the hub's sum is of.

    Large files are named by SHA-256, small ones as git does. The cache keeps a file under its sum; where it cannot link
    (Windows without developer mode) only a download is compared.
    """
    real = path.resolve()
    wanted = wanted or (real.name if real.parent.name == "blobs" else None)
    digest = actual = sha256(real)
    if wanted and len(wanted) == 40:
        data = real.read_bytes()
        actual = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if wanted is not None and actual != wanted:
        raise CheckpointError(
            f"{real}: is not the file of {place.repo} (its sum is {actual}, the hub's {wanted or 'missing'}): "
            "delete it and load the name again"
        )
    return digest


def _config(path: Path) -> dict[str, Any]:
    try:
        with path.with_name(CONFIG).open("rb") as file:
            values = json.loads(file.read(CONFIG_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
