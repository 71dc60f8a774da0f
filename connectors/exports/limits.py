"""Limits of what is read: beyond them a row is rejected, or a file refused, before it harms anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one reading.

    Attributes:
        unpacked_mb: megabytes that a packed file or a workbook may unpack to in all.
        workbook_memory_mb: megabytes of memory that a workbook's sheets may take.
        cell_characters: characters of a cell.
        card_characters: characters of a vCard, without its pictures.
        card_lines: lines of a vCard, without its pictures.
    """

    unpacked_mb: int = 2048
    workbook_memory_mb: int = 4096
    cell_characters: int = 32_767
    card_characters: int = 1_000_000
    card_lines: int = 2_000
