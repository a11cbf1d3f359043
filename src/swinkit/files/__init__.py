"""Errors a user can cause, and careful reading and writing of files. Imports nothing from the rest of swinkit."""

from __future__ import annotations

from swinkit.files.atomic import new_folder, observed, remove_folder, replace_file, sweep, sync_file, write_file
from swinkit.files.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    MissingExtra,
    NonFinite,
    UserError,
    did_you_mean,
)
from swinkit.files.manifest import sha256, verify_manifest, write_manifest
from swinkit.files.paths import safe_join

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "MissingExtra",
    "NonFinite",
    "UserError",
    "did_you_mean",
    "new_folder",
    "observed",
    "remove_folder",
    "replace_file",
    "safe_join",
    "sha256",
    "sweep",
    "sync_file",
    "verify_manifest",
    "write_file",
    "write_manifest",
]
