"""What an exam pack's files are called, and what it says of itself; written by registry/exam.py, read by registry/pack.py."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

SUMS_FILE, HISTORY_FILE, SOURCE_FILE = "SHA256SUMS", "history.json", "pack.json"
MODEL, EVIDENCE, ENTRIES = "model/", "evidence/", "history/"
"""Folders."""


class Source(BaseModel):
    """pack.json: which version of which model it is, and the registry by where its histories are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    registry: str
    model: str
    version: str


def entry_file(number: int) -> str:
    """Of the history."""
    return f"{ENTRIES}{number:06d}.json"
