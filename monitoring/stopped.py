"""A night that stopped, as data: in which job, why, and what readers see. Kept where the data of the night's page would be."""

import datetime as dt

from monitoring.night import Book, Facts


class Stopped(Facts):
    """`job` is None where all jobs ended well and their record did not, or none began; `command` is what runs the night again."""

    date: dt.date
    job: str | None
    cause: str
    command: str
    is_begun: bool = True
    """Whether its first job was; what is checked before may stop it."""
    scored: int | None = None
    """Scores of the night that readers see, whoever put them there; None where the lake did not say."""
    is_scored_by_this_run: bool = False
    last_published: dt.date | None = None
    """The last published night whose scores stand."""
    finished: tuple[str, ...] = ()
    usual_minutes: float | None = None
    """What the jobs that are left take as a rule."""
    deadline: str | None = None
    drift_report: bool = False
    data_docs: bool = False
    withdrawn: str | None = None
    """Why this night's scores were taken back, where they were."""

    @property
    def books(self) -> list[Book]:
        """None: prices are on the page of a night that ended well."""
        return []

    @property
    def fallback(self) -> None:
        """Not counted."""
        return None

    @property
    def sentence(self) -> str:
        """What stopped it."""
        where = f"in job {self.job}" if self.job else "while it was recorded" if self.is_begun else "before its first job"
        return f"The night stopped {where}: {self.cause.rstrip('.')}."

    @property
    def readers_see(self) -> str:
        """Which scores are in the published table now."""
        if self.scored is None:
            return "Which scores readers see is not known: the lake could not be read."
        if self.scored and self.is_scored_by_this_run:
            return f"Readers see this night's {self.scored:,} scores: they passed their gate before the night stopped."
        if self.scored:
            return f"Readers see the {self.scored:,} scores that an earlier run of this night published; this one changed none."
        taken_back = f" Its own were withdrawn: {self.withdrawn.rstrip('.')}." if self.withdrawn else ""
        if self.last_published is None:
            return f"Readers see no scores: there is no published night whose scores stand.{taken_back}"
        last = f"Readers see the scores of the night of {self.last_published}, the last published whose scores stand"
        return f"{last}, and none of this night.{taken_back}"
