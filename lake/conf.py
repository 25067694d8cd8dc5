"""Configuration: conf/<env>.yml, checked, with TELEMATICS_* variables on top (TELEMATICS_LAKE=..., nested by __)."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

import conf
from lake import conf_s3, s3, yaml_file
from lake.conf_emr import Emr
from lake.conf_sections import (
    Alerting,
    Landing,
    LeaseLimits,
    Lookups,
    Monitoring,
    Nightly,
    PublishedFeatures,
    Registry,
    S3Limits,
    Training,
)
from lake.errors import ConfigError
from lake.retention import LONGEST_WINDOW_DAYS, RERUN_DAYS, Retention

CONF_FOLDER = Path(conf.__file__).parent


class Conf(BaseSettings):
    """Everything that differs between a laptop, staging and production."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="TELEMATICS_", env_nested_delimiter="__", hide_input_in_errors=True
    )

    lake: Annotated[str, Field(description="lake root: a folder or s3://bucket/prefix")]
    landing: Landing
    sources_folder: Annotated[str | None, Field(description="folder of source files; null: the ones shipped")] = None
    rules_folder: Annotated[str | None, Field(description="folder of event rules; null: the ones shipped")] = None
    mlflow_tracking_uri: Annotated[str | None, Field(description="null: SQLite below the lake or ./var/s3")] = None
    reports: Annotated[str | None, Field(description="folder of reports and data docs; null: below the lake or ./var/s3")] = None
    logs: Annotated[str | None, Field(description="folder of JSON-lines logs; null: below the lake or ./var/s3")] = None
    jars: Annotated[str | None, Field(description="folder of the pinned jars; null: EMR brings Java and Delta")] = (
        "~/.cache/insurityai-telematics/jars"
    )
    spark: Annotated[dict[str, str], Field(description="Spark settings on top of the session builder's")] = {}
    lookups: Lookups = Lookups()
    features: PublishedFeatures = PublishedFeatures()
    training: Training = Training()
    registry: Registry = Registry()
    alerts: Alerting = Alerting()
    nightly: Nightly = Nightly()
    monitoring: Monitoring = Monitoring()
    retention: Annotated[Retention, Field(description="how long rows and files are kept")] = Retention()
    lease: LeaseLimits = LeaseLimits()
    s3: S3Limits = S3Limits()
    emr: Annotated[Emr | None, Field(description="where `telematics emr` submits to; null: nowhere")] = None
    ui_port: Annotated[int, Field(description="loopback port of `telematics ui`")] = 8765

    @model_validator(mode="after")
    def check_history(self) -> "Conf":
        """Training's oldest as-of date looks a longest window back; history must reach there."""
        t, kept = self.training, self.retention.history
        needed = t.as_of_dates * t.horizon_days + t.maturity_days + LONGEST_WINDOW_DAYS
        if kept is not None and kept < needed:
            raise ValueError(f"retention.history is {kept} days: windows and training frames need {needed}")
        return self

    @model_validator(mode="after")
    def check_scores(self) -> "Conf":
        """Claims are held against scores when these have come of age."""
        mature, kept = self.monitoring.claims_mature_days, self.retention.scores
        needed = mature + RERUN_DAYS
        if kept is not None and kept < needed:
            raise ValueError(f"retention.scores is {kept} days: monitoring.claims_mature_days and reruns need {needed}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file."""
        return env_settings, init_settings

    def below_lake(self, given: str | None, name: str) -> Path:
        """A local folder that belongs to the lake: the one given, else below the lake, or below ./var for a lake on S3."""
        if given is not None:
            return Path(given)
        return Path("var/s3", self.lake.removeprefix(s3.SCHEME), name) if s3.on_s3(self.lake) else Path(self.lake, name)

    def kept(self, name: str) -> str | None:
        """Where on S3 the files of a local folder are kept, so that they outlive the driver; None for a lake on disk."""
        return f"{self.lake.rstrip('/')}/{name}" if s3.on_s3(self.lake) else None

    @property
    def reports_path(self) -> Path:
        """Folder of drift reports, pages and data docs."""
        return self.below_lake(self.reports, "_reports")

    @property
    def logs_path(self) -> Path:
        """Folder of JSON-lines logs."""
        return self.below_lake(self.logs, "_logs")

    @property
    def tracking_uri(self) -> str:
        """MLflow's store."""
        if self.mlflow_tracking_uri is not None:
            return self.mlflow_tracking_uri
        return f"sqlite:///{self.below_lake(None, '_mlflow').resolve()}/mlflow.db"

    @property
    def registry_history(self) -> str:
        """Where the history of model versions is."""
        return self.registry.history or f"{self.lake.rstrip('/')}/_registry"

    @property
    def gates_path(self) -> Path:
        """The gates of model versions."""
        return Path(self.registry.gates) if self.registry.gates else CONF_FOLDER / "gates.yaml"

    @property
    def alerts_path(self) -> Path:
        """The rules of alerts."""
        return Path(self.alerts.rules) if self.alerts.rules else CONF_FOLDER / "alerts.yaml"

    @property
    def sources_path(self) -> Path:
        """Folder of source files."""
        return Path(self.sources_folder) if self.sources_folder else CONF_FOLDER / "sources"

    @property
    def rules_path(self) -> Path:
        """Folder of event rules."""
        return Path(self.rules_folder) if self.rules_folder else CONF_FOLDER / "rules"


def load_conf(name: str = "local", **overrides: Any) -> Conf:
    """Read a configuration by name (local, staging ...), by path, or by s3:// address; overrides that are None are left out.

    Raises ConfigError naming the file, the key and what is wrong.
    """
    known = sorted(p.stem for p in CONF_FOLDER.glob("*.yml"))
    is_path = name.endswith((".yml", ".yaml"))
    path = Path(name) if is_path else CONF_FOLDER / f"{name}.yml"
    on_s3 = s3.on_s3(name)
    # of a folder that may not be entered, `Path.is_file` raises
    if not on_s3 and (not os.path.isfile(path) or not (is_path or name in known)):
        raise ConfigError(f"no configuration '{name}': give a path, an s3:// address, or one of {', '.join(known)}")
    text, address = conf_s3.read(name, path)
    where = address or str(path)
    values = conf_s3.with_folders(yaml_file.mapping(text, where), address, CONF_FOLDER)
    found = yaml_file.checked(values, Conf, where)
    return found.model_copy(update={k: v for k, v in overrides.items() if v is not None})
