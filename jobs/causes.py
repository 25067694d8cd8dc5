"""An error as the one line that the terminal, the log, gold.nights and the page of a stopped night have."""

from lake.errors import EnvironmentProblem, TelematicsError
from lake.masking import said, without_values
from lake.s3 import failure_of_s3

MAX_UNFORESEEN = 400


def foreseen(error: Exception, lake: str | None) -> Exception:
    """A full disk or an error of S3 as what it means to the user; any other as it is."""
    if isinstance(error, TelematicsError):
        return error
    if "No space left on device" in str(error):
        return EnvironmentProblem("the disk is full: make room and run the same command again")
    return (failure_of_s3(error, lake) if lake is not None else None) or error


def cause(error: Exception) -> str:
    """What is wrong, without secrets; of what nobody foresaw also without values, for it may quote a record."""
    text = said(error, None)
    if isinstance(error, TelematicsError):
        return text
    shown = without_values(text)[:MAX_UNFORESEEN]
    return f"{type(error).__name__}: {shown} (a defect: run again with --debug for the traceback)"
