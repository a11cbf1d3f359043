"""Names of the hub: fetched once from a server, pinned to a commit, hashed at every load, and had without a network."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from weights.classifiers import V1, V2, classifier

import swinkit as sk
from swinkit import weights
from swinkit.files import CheckpointError, ConfigError
from swinkit.weights import fetch, hub_name, told, write_file

NOWHERE = "http://127.0.0.1:9"
"""Where nothing answers."""


class Hub:
    """What a hub holds: repository -> branch -> files; and what was asked of it."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.asked: list[str] = []
        self.lies = False
        self.url = ""

    def commit(self, repo: str, branch: str) -> str:
        """Depends on the content, as git's do."""
        return hashlib.sha1(repr(sorted(self.repos[repo][branch].items())).encode()).hexdigest()

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        for branch, files in self.repos[repo].items():
            if revision in (branch, self.commit(repo, branch)):
                return self.commit(repo, branch), files
        return None


def sums(data: bytes, name: str) -> dict:
    """A file as the hub's listing has it: weights are large files, the rest is git's."""
    entry = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
    if name != "config.json":
        entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


class Handler(BaseHTTPRequestHandler):
    """The two kinds of address of the hub that loading takes."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        hub.asked.append(path)
        words = path.removeprefix("/api/models").strip("/").split("/")
        repo, revision = "/".join(words[:2]), words[3]
        if repo not in hub.repos:
            return self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        found = hub.files(repo, revision)
        if found is None:
            return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        commit, files = found
        if path.startswith("/api"):
            listed = [sums(data, name) for name, data in files.items()]
            return self.answer(200, json.dumps({"id": repo, "sha": commit, "siblings": listed}).encode(), {})
        data, entry = files[words[4]], sums(files[words[4]], words[4])
        etag = entry["lfs"]["sha256"] if "lfs" in entry else entry["blobId"]
        sent = data[:-1] + bytes([data[-1] ^ 1]) if hub.lies else data
        return self.answer(200, sent, {"ETag": f'"{etag}"', "X-Repo-Commit": commit})

    def answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def hub():
    """A hub on this machine, with nothing in it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub = Hub()
    server.hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.hub
    server.shutdown()
    server.server_close()


def written(folder: Path, config=V1, seed: int = 0, suffix: str = "safetensors") -> bytes:
    """A weight file of timm's layout."""
    model = classifier(config, seed=seed)
    found = weights.Weights(config=config, state=model.state_dict(), origin=weights.Origin(layout="swinkit"))
    write_file(folder / f"file.{suffix}", found, "timm")
    return (folder / f"file.{suffix}").read_bytes()


def test_a_name_is_fetched_once_and_had_without_a_network_from_then_on(hub, tmp_path):
    hub.repos["org/tiny"] = {"main": {"model.safetensors": written(tmp_path), "README.md": b"hello"}}
    model = sk.load("org/tiny", endpoint=hub.url, cache=tmp_path / "cache")
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(model(image), classifier(V1)(image))
    asked = len(hub.asked)
    again = sk.load("org/tiny", endpoint=NOWHERE, cache=tmp_path / "cache")
    assert torch.equal(again(image), model(image)) and len(hub.asked) == asked
    fetched = fetch("org/tiny", endpoint=NOWHERE, cache=tmp_path / "cache")
    assert fetched.commit == hub.commit("org/tiny", "main")
    assert fetched.sha256 == hashlib.sha256(hub.repos["org/tiny"]["main"]["model.safetensors"]).hexdigest()


def test_a_name_stays_what_it_was_until_it_is_asked_anew(hub, tmp_path):
    told = {"endpoint": hub.url, "cache": tmp_path / "cache"}
    hub.repos["org/tiny"] = {"main": {"model.safetensors": written(tmp_path)}}
    first = fetch("org/tiny", **told)
    hub.repos["org/tiny"] = {
        "main": {"model.safetensors": written(tmp_path, seed=1)},
        "old": hub.repos["org/tiny"]["main"],
    }
    assert fetch("org/tiny", **told) == first
    second = fetch("org/tiny", refresh=True, **told)
    assert second.sha256 != first.sha256 and fetch("org/tiny", **told) == second
    for name in (f"org/tiny@{first.commit}", "hf-hub:org/tiny@old"):
        assert fetch(name, **told).sha256 == first.sha256
    assert fetch("org/tiny", revision=first.commit, endpoint=NOWHERE, cache=told["cache"]) == first


def test_a_file_that_is_not_what_the_hub_says_is_never_loaded(hub, tmp_path):
    told = {"endpoint": hub.url, "cache": tmp_path / "cache"}
    hub.repos["org/tiny"] = {"main": {"model.safetensors": written(tmp_path)}}
    path = fetch("org/tiny", **told).path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.resolve().write_bytes(data)
    with pytest.raises(CheckpointError, match="is not the file of org/tiny .*: delete it and load the name again"):
        sk.load("org/tiny", endpoint=NOWHERE, cache=told["cache"])
    hub.lies = True
    with pytest.raises(CheckpointError, match="is not the file of org/tiny"):
        fetch("org/tiny", endpoint=hub.url, cache=tmp_path / "other")
    with pytest.raises(CheckpointError, match="is not the file of org/tiny"):  # nor does it become what the name means
        fetch("org/tiny", endpoint=hub.url, cache=tmp_path / "other")


def test_small_files_are_compared_as_git_names_them(hub, tmp_path):
    data = b'{"model_type": "swin"}'
    hub.repos["org/tiny"] = {"main": {"config.json": data}}
    found = fetch("org/tiny", file="config.json", endpoint=hub.url, cache=tmp_path)
    assert found.path.read_bytes() == data and found.config == {"model_type": "swin"}


def test_the_windows_of_version_2_come_from_the_repository(hub, tmp_path):
    config = {"architecture": "swinv2_x_window8_64"}
    square = (8, 8)
    body = V2.__class__(**{**{f: getattr(V2, f) for f in V2.__dataclass_fields__}, "bias_window": None})
    data = written(tmp_path, body)
    hub.repos["org/v2"] = {"main": {"model.safetensors": data, "config.json": json.dumps(config).encode()}}
    model = sk.load("org/v2", endpoint=hub.url, cache=tmp_path / "cache")
    assert model.config.windows == (square, square, (4, 4))
    with pytest.raises(CheckpointError, match="does not say which windows"):
        sk.load(tmp_path / "file.safetensors")


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"model_type": "swinv2", "window_size": 8, "image_size": 256, "pretrained_window_sizes": [0, 0, 0, 0]},
         {"window": 8, "size": 256}),
        ({"model_type": "swinv2", "window_size": 24, "image_size": 384, "pretrained_window_sizes": [12, 12, 12, 6]},
         {"window": 24, "size": 384, "bias_window": (12, 12, 12, 6)}),
        ({"model_type": "swin", "window_size": 7, "image_size": 224}, {}),
        ({"architecture": "swinv2_base_window12to24_192to384"},
         {"window": 24, "size": 384, "bias_window": (12, 12, 12, 6)}),
        ({"architecture": "swinv2_tiny_window16_256"}, {"window": 16, "size": 256}),
        ({"architecture": "swin_tiny_patch4_window7_224"}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_what_a_configuration_tells(config, wanted):
    assert told(config) == wanted


def test_failures_are_one_sentence(hub, tmp_path):
    told = {"endpoint": hub.url, "cache": tmp_path / "cache"}
    data = written(tmp_path)
    hub.repos |= {"org/none": {"main": {"README.md": b"x"}}, "org/two": {"main": {"a.pth": data, "b.pth": data}}}
    for name, more, says in (
        ("org/absent", {}, r"org/absent@main: http\S+ has no such model, or it is private"),
        ("org/none", {}, r"org/none@main: holds no weight file; there are: README.md"),
        ("org/two", {}, r"org/two@main: holds several weight files \(a.pth, b.pth\): say which with file="),
        ("org/two", {"file": "c.pth"}, r"org/two@main: has no file 'c.pth'; there are: a.pth, b.pth"),
        ("org/two@v9", {}, r"org/two@v9: the model has no revision 'v9'"),
        ("org/two", {"endpoint": NOWHERE}, r"org/two@main: is neither in \S+ nor to be had from http://127"),
        ("hf-hub:two", {}, r"hf-hub:two: wanted hf-hub:ORG/NAME"),
    ):
        with pytest.raises(CheckpointError, match=says) as error:
            sk.load(name, **(told | more))
        assert "\n" not in str(error.value)
    assert sk.load("org/two", file="b.pth", **told).config.depths == V1.depths


def test_paths_are_never_asked_of_the_hub(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    for path in (
        "runs/absent",
        "weights.pth",
        "folder/weights.pth",
        "a/b/c",
        "../x/y",
        "org/..",
        "~/model",
        Path("org/tiny"),
    ):
        assert hub_name(path) is None
        with pytest.raises(CheckpointError, match="cannot be read"):
            sk.load(path)
    with pytest.raises(ConfigError, match=r"weights.pth: is a path, and revision is for names of the hub"):
        sk.load("weights.pth", revision="main")
    assert hub_name("org/tiny") == ("org/tiny", None) and hub_name("hf-hub:runs/absent@v1") == ("runs/absent", "v1")
    assert hub.asked == []


def test_importing_swinkit_does_not_import_the_hub():
    code = "import sys, swinkit.api; print([name for name in sys.modules if name.startswith(('huggingface', 'httpx'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
