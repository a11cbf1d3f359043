"""XML as data from anywhere: bounded, and without document types, so that nothing can be expanded or fetched."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from swinkit.files.errors import DataError

LARGEST = 16 << 20
"""Bytes of a file; an annotated picture has a few thousand."""
DEEPEST = 20
MOST = 200_000
"""Elements."""


def read_xml(path: Path) -> Element:
    """The root element of a file.

    Raises:
        DataError: the file is missing, no plain file or too large, is no XML, has a document type, or is nested too
            deeply.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(path, "is not a plain file")
        if status.st_size > LARGEST:
            raise DataError(path, f"{status.st_size} bytes are more than the {LARGEST} that are read")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(path, "does not exist") from error
    except (OSError, ValueError) as error:
        raise DataError(path, f"cannot be read: {getattr(error, 'strerror', None) or 'bad name'}") from error
    try:
        return parse_xml(content)
    except ValueError as error:
        raise DataError(path, str(error)) from error


def parse_xml(content: bytes) -> Element:
    """The root element; ValueError for what is no XML, for document types and deep nesting."""
    builder, counts = TreeBuilder(), [0, 0]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        counts[0] += 1
        counts[1] += 1
        if counts[0] > DEEPEST or counts[1] > MOST:
            raise ValueError("is nested too deeply" if counts[0] > DEEPEST else f"holds more than {MOST} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        counts[0] -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise ValueError("has a document type (<!DOCTYPE ...>), which is not read: take it out")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"line {error.lineno}: is not XML: {expat.ErrorString(error.code)}") from error
    return builder.close()
