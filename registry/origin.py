"""Which code trained a model."""

import hashlib
import subprocess  # nosec B404 # asks git for the commit, no shell
from pathlib import Path

UNKNOWN = "unknown"
TIMEOUT_S = 10


def git_commit() -> str:
    """The commit of the checkout that this file is in; "unknown" for an installed wheel or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # nosec B603 # as above
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return done.stdout.strip() or UNKNOWN


def lock_hash() -> str:
    """SHA-256 of requirements.lock of the checkout that this file is in; "unknown" for an installed wheel."""
    lock = Path(__file__).parent.parent / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else UNKNOWN
