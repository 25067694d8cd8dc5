"""Logging: JSON lines in a file, readable lines on the terminal."""

import json
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from lake.masking import all_without_secrets

FILE = "telematics.jsonl"
_TERMINAL_LEVELS = {"warning"}
"""Errors reach the terminal as the command's one-line cause."""


def configure(folder: Path | None, run_id: str, *, debug: bool = False) -> None:
    """Send every event to <folder>/<FILE>, and warnings (with debug: all) to the terminal.

    A folder that cannot be written is reported by the command that needs the lake; logging then goes on without it.
    """
    file = _open(folder)

    def to_file(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if file is not None:
            file.write(json.dumps(dict(event), default=str) + "\n")
            file.flush()
        if not debug and event.get("level") not in _TERMINAL_LEVELS:
            raise structlog.DropEvent
        event.pop("run_id", None)
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            lambda _, __, event: all_without_secrets(event),
            to_file,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(run_id=run_id)
    logging.getLogger("py4j").setLevel(logging.ERROR)


def _open(folder: Path | None) -> Any:
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / FILE).open("a")
    except OSError:
        return None


def forget() -> None:
    """As before `configure`: another command of the same process may have another lake, or none."""
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def log() -> Any:
    """The logger: log().info("event name", key=value)."""
    return structlog.get_logger()


def note(event: str, **about: Any) -> None:
    """Log an error where that is possible: the log's disk may be what is full, and before `configure` there is no log."""
    with suppress(OSError):
        if structlog.is_configured():
            log().error(event, **about)
