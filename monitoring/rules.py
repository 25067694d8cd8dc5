"""conf/alerts.yaml: the rules of alerts, and the limits of what they watch."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lake import yaml_file
from monitoring.alerting import Rule, Severity
from monitoring.signals import EXPLAINING, MEASURES


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """From where a figure counts as beyond; shares unless said otherwise."""

    bad_records: Annotated[float, Field(ge=0, description="records in quarantine that are bad, of those read")]
    volume: Annotated[float, Field(ge=0, le=1, description="a source brings less than this of its usual records")]
    fallback: Annotated[float, Field(ge=0, le=1, description="scores of a book by the declared fallback")]
    mean_change: Annotated[float, Field(ge=0, description="change of a book's mean price in a night, either way")]
    late_minutes: Annotated[float, Field(ge=0, description="minutes that the scores may come after their deadline")] = 0
    fallback_rise: Annotated[
        float, Field(ge=0, le=1, description="scores of a book that have come to the fallback for one reason")
    ] = 0.05
    explains: Annotated[
        float, Field(ge=0, le=1, description="missing or bad records of the night, from which they may explain what others see")
    ] = 0.1


class _Rule(_Part):
    measure: str
    owner: str
    severity: Severity
    runbook: str
    nights: Annotated[int, Field(ge=1)] = 1
    of: Annotated[int, Field(ge=1)] = 1
    false_discovery_rate: Annotated[float | None, Field(gt=0, lt=1)] = None
    suppressed_by: tuple[str, ...] = ()

    @model_validator(mode="after")
    def check(self) -> "_Rule":
        """A measure that there is, a persistence that can be reached, and nothing critical that may go untold."""
        if self.measure not in MEASURES:
            raise ValueError(f"unknown measure '{self.measure}': choose {', '.join(MEASURES)}")
        if self.nights > self.of:
            raise ValueError(f"nights is {self.nights} of {self.of}: it would never be told")
        if self.suppressed_by and self.severity == "critical":
            raise ValueError("suppressed_by of a critical rule: what is critical is told whatever explains it")
        return self


class Alerts(_Part):
    """The file."""

    limits: Limits
    rules: dict[str, _Rule]

    @model_validator(mode="after")
    def check(self) -> "Alerts":
        """Suppression names rules that say how many records are missing or bad, and that are not suppressed themselves."""
        for name, rule in self.rules.items():
            for cause in rule.suppressed_by:
                found = self.rules.get(cause)
                if found is None or found.measure not in EXPLAINING or found.suppressed_by:
                    wanted = f"rule of {' or '.join(EXPLAINING)} that nothing suppresses"
                    raise ValueError(f"rules.{name}.suppressed_by: {cause} is no {wanted}")
        return self

    def each(self) -> list[Rule]:
        """As what `decide` takes."""
        return [Rule(name=name, **rule.model_dump()) for name, rule in self.rules.items()]


def load_rules(path: Path) -> Alerts:
    """Read alerts.yaml. Raises ConfigError naming the file, the key and what is wrong."""
    return yaml_file.read(path, Alerts)
