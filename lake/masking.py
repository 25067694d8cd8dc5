"""What must not be written: secrets in any text, and the values of records that an unforeseen error may quote."""

import os
import re
from typing import Any

MASK = "***"
LEAST = 8
"""Shorter values of variables are words that texts have for other reasons."""
MAX_SAID = 200
"""Characters of an error in a longer line."""
_NAMES = re.compile(r"SECRET|PASSWORD|TOKEN|ACCESS_KEY|CHANNELS__(WEBHOOK|PAGERDUTY_KEY)$", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/\s]*@")
_PARAMETER = re.compile(r"((?:password|passwd|secret|token|signature|credential)[\w-]*=)[^&\s;,'\")]+", re.IGNORECASE)
_VALUE = re.compile(r"'[^']*'|\"[^\"]*\"|-?\d+\.\d{4,}")


def without_secrets(text: str) -> str:
    """The text without what stands before @ in an address, passwords and tokens given as parameters, and the values of
    environment variables that are named after secrets or have those of alerts."""
    for name, value in os.environ.items():
        if len(value) >= LEAST and _NAMES.search(name):
            text = text.replace(value, MASK)
    return _PARAMETER.sub(rf"\1{MASK}", _USERINFO.sub(f"{MASK}@", text))


def all_without_secrets(value: Any) -> Any:
    """The same for every text in lists and mappings."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {k: all_without_secrets(v) for k, v in value.items()}
    return [all_without_secrets(v) for v in value] if isinstance(value, list | tuple) else value


def said(error: BaseException, limit: int | None = MAX_SAID) -> str:
    """What an error says, in one line without secrets, cut after `limit` characters (None: not at all); its type where it says
    nothing."""
    # cut last: half a secret would not be known as one
    return without_secrets(" ".join(str(error).split()))[:limit] or type(error).__name__


def without_values(text: str) -> str:
    """The text without what is quoted in it and without decimals as long as a position's: it may be of a record."""
    return _VALUE.sub(MASK, text)
