"""What a model of any table is made from: spec.yml of `telematics train --table PATH --spec spec.yml`."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lake import yaml_file
from lake.errors import ConfigError

DEFAULT_SEED = 20260101


class Part(BaseModel):
    """Refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Part):
    """How one column enters the model."""

    kind: Literal["number", "category"] = "number"
    sign: Annotated[Literal[-1, 0, 1], Field(description="+1: expected claims may only rise with it, -1: only fall")] = 0
    levels: Annotated[tuple[str, ...], Field(description="of a category; empty: the training part's, sorted")] = ()
    text: Annotated[str, Field(description="in plain words, for reasons; empty: the column's name")] = ""
    unit: str = ""
    actionable: bool = False


class Severity(Part):
    """What is done to amounts before a severity is fitted. Amounts are per row, in currency units."""

    cap: Annotated[float | None, Field(gt=0, description="of a claim, in currency units; its load is in the balance")] = None
    development: Annotated[
        dict[int, float], Field(description="maturity in days -> factor to ultimate, linear between; empty: as they are")
    ] = {}
    maturity: Annotated[str | None, Field(description="column: days from the end of the exposure to the valuation")] = None
    trend_per_year: Annotated[float, Field(gt=-1, description="growth of amounts a year, to the latest `time`")] = 0.0
    negative: Annotated[
        Literal["net", "zero", "drop"],
        Field(description="recoveries: net stays in totals and is not fitted on, zero sets 0, drop leaves out amount and count"),
    ] = "net"

    @field_validator("development")
    @classmethod
    def positive(cls, factors: dict[int, float]) -> dict[int, float]:
        """Factors are positive and maturities are not negative."""
        if any(days < 0 or factor <= 0 for days, factor in factors.items()):
            raise ValueError("maturities are at least 0 days and factors above 0")
        return factors


class Search(Part):
    """The bounded search of hyperparameters; 0 trials fit the default recipe."""

    trials: Annotated[int, Field(ge=0, le=500)] = 0
    folds: Annotated[int, Field(ge=2, le=20)] = 4


class ModelSpec(Part):
    """One model of one table. Column names are the table's."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", description="registered as pure-premium-<name>")]
    exposure: Annotated[str, Field(description="column: car-years")]
    claims: Annotated[str, Field(description="column: number of claims")]
    incurred: Annotated[str | None, Field(description="column: total of the row's claims; without it frequency alone")] = None
    currency: str = "EUR"
    features: Annotated[dict[str, Column], Field(min_length=1)]
    groups: Annotated[str | None, Field(description="column: rows of a group are never apart in a split; null: each row")] = None
    time: Annotated[str | None, Field(description="column: date of the row; folds are then ordered in time")] = None
    over_base: Annotated[str | None, Field(description="column: the insurer's expected loss, currency units a car-year")] = None
    severity: Severity = Severity()
    search: Search = Search()
    calibration: Literal["balance", "isotonic"] = "balance"
    test_share: Annotated[float, Field(gt=0, lt=1, description="share of groups never trained on")] = 0.2
    min_claims: Annotated[int, Field(gt=0, description="refuse to train below")] = 100
    distributed_above_rows: Annotated[int, Field(gt=0, description="rows above which xgboost.spark fits")] = 100_000_000
    threads: Annotated[int, Field(ge=1, description="of XGBoost; another number may change the last bits of a model")] = 2
    seed: int = DEFAULT_SEED

    @field_validator("features", mode="before")
    @classmethod
    def bare(cls, found: Any) -> Any:
        """A feature without settings is a number."""
        return {k: v or {} for k, v in found.items()} if isinstance(found, dict) else found

    @model_validator(mode="after")
    def no_answer_among_questions(self) -> Self:
        """What is to be predicted is no feature."""
        answers = [c for c in (self.exposure, self.claims, self.incurred) if c in self.features]
        if answers:
            raise ValueError(f"features: {', '.join(answers)} is what the model predicts, or its exposure")
        return self

    @property
    def split(self) -> str:
        """What decides which rows are never trained on."""
        return f"seed {self.seed}, share {self.test_share:g}, by {self.groups or 'row'}"

    @property
    def needed(self) -> list[str]:
        """Columns that training reads."""
        more = (self.exposure, self.claims, self.incurred, self.groups, self.time, self.over_base, self.severity.maturity)
        return list(dict.fromkeys([*self.features, *(c for c in more if c)]))


def load_spec(path: Path) -> ModelSpec:
    """Read a spec. Raises ConfigError naming file, key and what is wrong."""
    if not os.path.exists(path):
        raise ConfigError(f"no spec at {path}")
    return yaml_file.read(path, ModelSpec)
