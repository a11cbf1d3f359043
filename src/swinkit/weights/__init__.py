"""Swin weights of any public layout under our names, and back; configurations found from tensors; reports on keys."""

from __future__ import annotations

from swinkit.weights.conversion import FETCHING, Conversion, convert
from swinkit.weights.fit import adapt_channels, fit
from swinkit.weights.hub import Fetched, fetch, hub_name, told
from swinkit.weights.inflate import inflate
from swinkit.weights.interpolate import resize_table
from swinkit.weights.keys import KeyReport, Reshaped
from swinkit.weights.layout import Layout
from swinkit.weights.layouts import LAYOUTS, find
from swinkit.weights.origin import Origin, Weights
from swinkit.weights.reading import read, recognise
from swinkit.weights.store import config_from, read_file, write_file
from swinkit.weights.writing import write

__all__ = [
    "FETCHING",
    "LAYOUTS",
    "Conversion",
    "Fetched",
    "KeyReport",
    "Layout",
    "Origin",
    "Reshaped",
    "Weights",
    "adapt_channels",
    "config_from",
    "convert",
    "fetch",
    "find",
    "fit",
    "hub_name",
    "inflate",
    "read",
    "read_file",
    "recognise",
    "resize_table",
    "told",
    "write",
    "write_file",
]
