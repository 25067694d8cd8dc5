"""What the page of a night says, as data: small aggregates, kept beside the page so that it can be drawn again."""

import datetime as dt

from pydantic import BaseModel, ConfigDict

AGAINST_FRAME = ("feature", "prediction")
"""Kinds of drift that are held against the champion's frame."""
FEW_COVERS = 10
"""Fewer of a book on the fallback are not worth a message, unless no cover of its coverage has a price of the model."""
SOME = 1.0
"""Usual records of a source of which only that it brings any is expected."""
OUTCOMES = 40
"""Segments shown; alerts look at all."""


class Facts(BaseModel):
    """Refuses unknown keys where it is made; who reads a page of another deployment passes over them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Book(Facts):
    """Scores of a coverage in a currency; premiums in currency units a car-year, `None` before where there was no night."""

    coverage: str
    currency: str
    scored: int
    mean: float
    total: float
    mean_before: float | None = None
    total_before: float | None = None
    mean_week_before: float | None = None
    fallbacks: dict[str, int] = {}
    """Scores by the declared fallback, by reason."""
    usual_fallbacks: dict[str, float] | None = None
    """Share of the scores by fallback reason, the lower of the night before and a week before; None where it was in neither."""

    @property
    def fallback(self) -> int:
        """Scores by the declared fallback."""
        return sum(self.fallbacks.values())

    @property
    def change(self) -> float | None:
        """Relative change of the mean since the night before."""
        return self.mean / self.mean_before - 1 if self.mean_before else None


class Mover(Facts):
    """A price that changed most, with the strongest reasons of tonight's price."""

    policy_id: str
    coverage: str
    currency: str
    before: float
    now: float
    change: float
    why: str
    reasons: list[str]


class Outcome(Facts):
    """Actual against expected claims of a segment. `evidence` to 1 that its prices are off, by mature experience, which counts
    once; `off_since`: the night since when it was enough."""

    segment: str
    value: str
    car_years: float
    actual: int
    expected: float
    ratio: float | None
    lower: float | None
    upper: float | None
    maturity_days: float | None
    mature_claims: int = 0
    mature_expected: float = 0.0
    evidence: float | None = None
    off_since: dt.date | None = None


class Shift(Facts):
    """A watched figure; `nights` of the last five it was beyond its threshold."""

    column: str
    kind: str = "feature"
    unit: str
    statistic: float
    threshold: float
    drifted: bool
    before: float | None
    now: float | None
    shift: float | None
    lower: float | None
    upper: float | None
    nights: int
    p_value: float | None = None


class Shadow(Facts):
    """A version in shadow; `evidence` to 1 that claims fall on whom it says rather than on whom the champion says, and the
    Poisson deviance it saves. `why_not`: why it was not scored."""

    model: str
    version: str
    champion: str
    since: dt.date
    scored: int
    claims: int
    evidence: float
    wanted: float
    mean_price_change: float | None
    moved: dict[str, float]
    deviance_gain: float = 0.0
    why_not: str | None = None


class Decision(Facts):
    """What mature experience of a coverage's champion asks for: keep, recalibrate or refit; undecided where it is too little."""

    coverage: str
    decision: str
    why: str


class Raised(Facts):
    """An alert."""

    rule: str
    subject: str
    severity: str
    owner: str
    state: str
    text: str
    nights: int
    why: str
    runbook: str


class Source(Facts):
    """What a source brought for a table."""

    source: str
    target: str
    files: int
    duplicate_files: int
    refused_files: int
    read: int
    accepted: int
    duplicate: int
    quarantined: int
    refused: dict[str, str] = {}
    """The first few refused files, with why."""


class Model(Facts):
    """A version that scored the night."""

    name: str
    version: str
    frame: str
    features: str


class Night(Facts):
    """Everything on the page of `date`."""

    date: dt.date
    previous: dt.date | None
    in_force: int
    missing: int
    books: list[Book]
    fallbacks: dict[str, int]
    moved: dict[str, int]
    movers: list[Mover]
    outcomes: list[Outcome]
    shifts: list[Shift]
    columns_watched: int
    sources: list[Source]
    quarantine: dict[str, int]
    withheld: int = 0
    """Records in quarantine only because nothing allows their use: no policy or no consent. They are not bad data."""
    refused: dict[str, str] = {}
    """Of older pages, which had every refused file; now a source has the first few of its own."""
    warnings: list[str]
    models: list[Model]
    seconds: dict[str, float]
    drift_report: bool
    data_docs: bool
    watched: list[Shift] = []
    """Every watched column; `shifts` are the strongest."""
    usual_records: dict[str, float] = {}
    """Records that a source brings on such a night, SOME where it is only expected to bring any."""
    cached_models: list[str] = []
    """Versions that scored from the cache, for MLflow did not answer."""
    deadline: str | None = None
    minutes_late: float | None = None
    """Wall clock between the deadline and the end of job `score`; below zero where it was early."""
    shadows: list[Shadow] = []
    decisions: list[Decision] = []
    alerts: list[Raised] = []
    withdrawn: str | None = None
    """Why readers no longer see these scores; None where they do."""
    vcpu_hours: float | None = None
    dollars: float | None = None
    """Of all attempts at the night's jobs until the page was made."""

    @property
    def scored(self) -> int:
        """Scores published."""
        return sum(b.scored for b in self.books)

    @property
    def fallback(self) -> int:
        """Scores by the declared fallback."""
        return sum(self.fallbacks.values())

    @property
    def firing(self) -> list[Raised]:
        """Alerts that somebody is told of."""
        return [a for a in self.alerts if a.state == "firing"]

    @property
    def shown_outcomes(self) -> list[Outcome]:
        """Segments for the page: those that are off, then the largest."""
        return sorted(self.outcomes, key=lambda o: (o.off_since is None, -o.car_years))[:OUTCOMES]

    @property
    def drifted(self) -> list[Shift]:
        """Columns beyond their threshold, features and predictions."""
        return [s for s in self.shifts if s.drifted and s.kind in AGAINST_FRAME]

    @property
    def reasons(self) -> list[Shift]:
        """Features by how much of the prices they make, the furthest from the frame first."""
        return [s for s in self.shifts if s.kind == "reason"]

    @property
    def days(self) -> list[Shift]:
        """Daily values against the same weekday of weeks before."""
        return [s for s in self.shifts if s.kind == "daily"]

    @property
    def columns(self) -> list[Shift]:
        """Features and predictions against the frame."""
        return [s for s in self.shifts if s.kind in AGAINST_FRAME]
