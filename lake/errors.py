"""Typed failures. Each carries the exit code the command line ends with; the message is one line that names what
was wrong and where, and how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass


class TelematicsError(Exception):
    """Base of every failure a user can meet; anything else is a defect and exits 1."""

    exit_code = 1


class ConfigError(TelematicsError):
    """A configuration or source file that is missing or wrong."""

    exit_code = 2


class InputError(TelematicsError):
    """Input that cannot be read: no files, a refused file, an unknown source."""

    exit_code = 3


class GateFailed(TelematicsError):
    """A quality gate stopped the job; nothing of it was published."""

    exit_code = 4


class EnvironmentProblem(TelematicsError):
    """Python, Java, jars, disk or permissions."""

    exit_code = 5


class TimedOut(EnvironmentProblem):
    """A job that took longer than it may."""


class LakeError(TelematicsError):
    """A lake that cannot be read or written, or does not hold what was asked for."""

    exit_code = 6


class LeaseHeld(LakeError):
    """Another command writes to the lake; nothing was begun. `is_of_a_night`: it is one that runs nights, as far as is known."""

    def __init__(self, message: str, *, is_of_a_night: bool = True) -> None:
        super().__init__(message)
        self.is_of_a_night = is_of_a_night


class LeaseLost(LakeError):
    """The lease could not be renewed or was taken over: another may write, so this command must not."""


class LeaseOver(LeaseLost):
    """The lease ended before it was renewed, and nobody is known to have taken it: its store did not answer, say."""


class CommitLost(LakeError):
    """A commit that was acknowledged is not in the table's log, or one that conflicts with another was refused: it must be
    made again."""


class NoChampion(TelematicsError):
    """No promoted model to score with."""

    exit_code = 7


class NightRefused(TelematicsError):
    """A night that may not run now, for instance out of date order."""

    exit_code = 8


class NightsMissing(NightRefused):
    """A night that would leave out nights before it that never ran: nobody may have noticed that they did not."""


class TrainingRefused(TelematicsError):
    """A frame that no model may be trained on."""

    exit_code = 9


class ModelRefused(TelematicsError):
    """A version that may not be approved, promoted or scored with."""

    exit_code = 10


class RunFailed(TelematicsError):
    """A run on EMR that failed."""

    exit_code = 20


class RunCancelled(TelematicsError):
    """A run on EMR that was cancelled, or is being so."""

    exit_code = 21


class RunTimedOut(TelematicsError):
    """A run on EMR that took longer than it may."""

    exit_code = 22


class NotSubmitted(TelematicsError):
    """Nothing was started on EMR, as far as is known."""

    exit_code = 23


class WatchLost(TelematicsError):
    """A run on EMR that could be asked for no longer; it goes on."""

    exit_code = 24


class ShadowFailed(TelematicsError):
    """A challenger that cannot be scored, as `coverage/alias: why`; the night goes on without it."""


@dataclass(frozen=True)
class Complaint:
    """What was wrong with a part of a job that went on without it, and the exit code that the command ends with for it."""

    exit_code: int
    what: str

    @classmethod
    def of(cls, error: TelematicsError, where: str) -> "Complaint":
        """From the failure of a part."""
        return cls(error.exit_code, f"{where}: {error}")


_OF_COMPLAINTS = (GateFailed, InputError, LakeError, EnvironmentProblem)
"""What a command ends with, the first of these that a complaint is of: data before the machine."""


def raise_for(complaints: Iterable[Complaint]) -> None:
    """Raise all complaints as one, of the kind of the gravest of them; nothing where there are none."""
    found = list(dict.fromkeys(complaints))
    if found:
        kinds = (kind for kind in _OF_COMPLAINTS if any(x.exit_code == kind.exit_code for x in found))
        raise next(kinds, InputError)("; ".join(x.what for x in found))
