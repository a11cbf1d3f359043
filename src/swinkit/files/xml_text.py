"""XML as data from anywhere: bounded, and without document types, so that nothing can be expanded or fetched."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from swinkit.files.errors import DataError
from swinkit.files.texts import bounded

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
        return parse_xml(bounded(path, LARGEST))
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
