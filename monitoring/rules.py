"""conf/alerts.yaml: the rules of alerts, and the limits of what they watch."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lake.errors import ConfigError
from lake.sources import describe
from monitoring.alerting import Rule, Severity
from monitoring.signals import MEASURES


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """From where a figure counts as beyond; shares unless said otherwise."""

    bad_records: Annotated[float, Field(ge=0, description="records in quarantine that are bad, of those read")]
    volume: Annotated[float, Field(ge=0, le=1, description="a source brings less than this of its usual records")]
    fallback: Annotated[float, Field(ge=0, le=1, description="scores by the declared fallback")]
    mean_change: Annotated[float, Field(ge=0, description="change of a book's mean price in a night, either way")]
    late_minutes: Annotated[float, Field(ge=0, description="expected end of the night after its deadline")] = 0


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
        """A measure that there is, and a persistence that can be reached."""
        if self.measure not in MEASURES:
            raise ValueError(f"unknown measure '{self.measure}': choose {', '.join(MEASURES)}")
        if self.nights > self.of:
            raise ValueError(f"nights is {self.nights} of {self.of}: it would never be told")
        return self


class Alerts(_Part):
    """The file."""

    limits: Limits
    rules: dict[str, _Rule]

    @model_validator(mode="after")
    def check(self) -> "Alerts":
        """Suppression names rules that there are, and does not go in circles of one."""
        for name, rule in self.rules.items():
            unknown = [x for x in rule.suppressed_by if x not in self.rules or x == name]
            if unknown:
                raise ValueError(f"rules.{name}.suppressed_by: {', '.join(unknown)} is no other rule of this file")
        return self

    def each(self) -> list[Rule]:
        """As what `decide` takes."""
        return [Rule(name=name, **rule.model_dump()) for name, rule in self.rules.items()]


def load_rules(path: Path) -> Alerts:
    """Read alerts.yaml. Raises ConfigError naming the file, the key and what is wrong."""
    try:
        return Alerts(**(yaml.safe_load(path.read_text()) or {}))
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror or e}") from e
    except yaml.YAMLError as e:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(e).split())}") from e
    except (ValidationError, TypeError) as e:
        raise ConfigError(f"{path}: {describe(e) if isinstance(e, ValidationError) else e}") from e
