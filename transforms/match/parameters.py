"""Thresholds and shares that decide how records are matched."""

from __future__ import annotations

AUTO = 0.90


REVIEW = 0.50
