"""Configuration: conf/<env>.yml, checked, with TELEMATICS_* variables on top (TELEMATICS_LAKE=..., nested by __)."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

import conf
from lake import conf_s3
from lake.conf_emr import Emr, Prices
from lake.conf_section import Section
from lake.errors import ConfigError
from lake.features import FEATURE_VERSION_1, FEATURES
from lake.retention import LONGEST_WINDOW_DAYS, RERUN_DAYS, Retention
from lake.sources import describe

CONF_FOLDER = Path(conf.__file__).parent


class Landing(Section):
    """Where sources' files arrive: `root` joined with a glob per source."""

    root: Annotated[str, Field(description="folder or s3:// prefix under which files land")]
    sources: Annotated[dict[str, str], Field(description="source name -> glob below root")]


def _known_version(version: str) -> str:
    if version not in FEATURES:
        raise ValueError(f"unknown feature version '{version}'; the catalogue has {', '.join(FEATURES)}")
    return version


FeatureVersion = Annotated[str, AfterValidator(_known_version)]


class PublishedFeatures(Section):
    """Which versions of the features a night publishes."""

    versions: Annotated[
        tuple[FeatureVersion, ...], Field(description="of every night; what a champion needs is published besides")
    ] = (FEATURE_VERSION_1,)


class Training(Section):
    """Training's limits and shape."""

    horizon_days: Annotated[int, Field(gt=0, description="claims are counted in [t0, t0 + horizon)")] = 180
    as_of_dates: Annotated[int, Field(gt=0, description="how many t0, a horizon apart, back from the valuation date")] = 3
    maturity_days: Annotated[int, Field(ge=0, description="the last horizon ends this long before the valuation date")] = 60
    min_claims: Annotated[int, Field(gt=0, description="refuse to train below")] = 500
    test_share: Annotated[float, Field(gt=0, lt=1, description="share of policies never trained on")] = 0.3
    seed: int = 20260101
    feature_version: Annotated[FeatureVersion, Field(description="of the frames and models made from now on")] = FEATURE_VERSION_1
    severity_cap: Annotated[float, Field(gt=0, description="claims are capped here, in currency units")] = 50_000.0
    development: Annotated[
        Literal["none", "estimated"],
        Field(description="amounts of claims: as known, or by factors from their past states"),
    ] = "none"
    over_base: Annotated[bool, Field(description="price over the policy's base premium as the insurer's expected loss")] = False
    search_trials: Annotated[int, Field(ge=0, le=500, description="hyperparameters tried besides the default ones")] = 0
    calibration: Annotated[Literal["balance", "isotonic"], Field(description="of frequency")] = "balance"
    distributed_above_rows: Annotated[int, Field(gt=0, description="rows above which xgboost.spark fits")] = 20_000_000


class Registry(Section):
    """Where the history of model versions is, and who may approve."""

    history: Annotated[str | None, Field(description="folder or s3:// prefix; null: _registry below the lake")] = None
    anchor: Annotated[
        str | None,
        Field(description="a second place for the heads of histories, best with Object Lock; null: a tag of the model"),
    ] = None
    gates: Annotated[str | None, Field(description="gates.yaml; null: the one shipped")] = None
    require_verified: Annotated[bool, Field(description="refuse approvals by names that nobody vouches for")] = False


PAGERDUTY_EVENTS = "https://events.pagerduty.com/v2/enqueue"


class Channels(Section):
    """Where alerts are sent. Addresses and keys are secrets: set TELEMATICS_ALERTS__CHANNELS__WEBHOOK and the like."""

    file: Annotated[str | None, Field(description="JSON lines are appended to it")] = None
    sns: Annotated[str | None, Field(pattern=r"^arn:aws[a-z-]*:sns:", description="ARN of a topic")] = None
    webhook: Annotated[str | None, Field(description="address that takes Slack's messages")] = None
    pagerduty_key: Annotated[str | None, Field(description="routing key of PagerDuty's events v2; for critical alerts")] = None
    pagerduty: Annotated[str, Field(description="address of the events")] = PAGERDUTY_EVENTS


class Alerting(Section):
    """What is watched, and who is told."""

    rules: Annotated[str | None, Field(description="alerts.yaml; null: the one shipped")] = None
    channels: Channels = Channels()
    page_address: Annotated[str | None, Field(description="where the reports folder is served, for links in messages")] = None
    prometheus_textfile: Annotated[str | None, Field(description="file of the node exporter's textfile collector")] = None
    prometheus_push: Annotated[str | None, Field(description="host:port of a push gateway")] = None


class Nightly(Section):
    """The night's control."""

    scores_by: Annotated[
        str | None, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM UTC after the cutoff; null: no deadline")
    ] = None
    attempts: Annotated[int, Field(ge=1, le=5, description="tries of a job whose failure may pass")] = 2
    retry_wait_s: Annotated[float, Field(ge=0, description="before the first retry; it doubles")] = 2.0
    job_timeout_minutes: Annotated[int | None, Field(ge=1, description="a job that takes longer fails; null: never")] = None
    stale_device_days: Annotated[
        Literal[28, 90] | None,
        Field(description="no distance in so many days: all that is known is older than every recent feature; null: never"),
    ] = 90
    dollars_per_vcpu_hour: Annotated[
        float, Field(ge=0, description="for the cost on the page: of a vCPU with 4 GB, at the list prices of emr.prices")
    ] = round(Prices().core_hour(4), 3)

    @property
    def job_timeout_s(self) -> float | None:
        """job_timeout_minutes in seconds."""
        return None if self.job_timeout_minutes is None else self.job_timeout_minutes * 60.0


class Monitoring(Section):
    """When experience says something about a model."""

    claims_mature_days: Annotated[
        int, Field(ge=0, description="exposure is held against its claims at this age; as training.maturity_days")
    ] = 60
    decision_claims: Annotated[
        float, Field(gt=0, description="expected claims below which nothing is decided: 384 show a level to 10 %")
    ] = 384.0
    decision_effect: Annotated[
        float, Field(ge=0, lt=1, description="relative differences below it are kept, however certain")
    ] = 0.05
    false_alarm: Annotated[
        float, Field(gt=0, lt=1, description="chance that a right champion is ever told to be changed, however often one looks")
    ] = 0.05


class LeaseLimits(Section):
    """How long the lease of the one writer lasts between two renewals."""

    duration_s: Annotated[float, Field(ge=6, description="renewed at a third of it, over when it is not")] = 60.0


class S3Limits(Section):
    """How long one request to S3 may take, and how often it is tried again."""

    request_timeout_s: Annotated[int, Field(ge=15, description="a request without a body; S3A takes no less than 15 s")] = 15
    upload_timeout_s: Annotated[int, Field(ge=15, description="one PUT, of as many MB at most")] = 30
    retries: Annotated[int, Field(ge=0, le=8, description="after the first try, with a wait that doubles")] = 5
    first_wait_ms: Annotated[int, Field(gt=0, description="before the first retry, half as much more or less")] = 500

    @property
    def longest_request_s(self) -> float:
        """What a request can take at most with all its retries and the waits between them."""
        waits = 1.5 * self.first_wait_ms / 1000 * (2.0**self.retries - 1)
        return (self.retries + 1) * max(self.request_timeout_s, self.upload_timeout_s) + waits


class Lookups(Section):
    """Tables that say what was around a drive, Parquet or Delta; transforms/context.py has their columns. A new version goes
    below a new name: trips that were made by the old one stay as they are until late points make them anew."""

    roads: Annotated[str | None, Field(description="class of the road by H3 cell; null: not known")] = None
    weather: Annotated[str | None, Field(description="wet or dry by H3 cell and hour; null: not known")] = None


class Conf(BaseSettings):
    """Everything that differs between a laptop, staging and production."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="TELEMATICS_", env_nested_delimiter="__")

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
        return Path("var/s3", self.lake.removeprefix("s3://"), name) if self.lake.startswith("s3://") else Path(self.lake, name)

    def kept(self, name: str) -> str | None:
        """Where on S3 the files of a local folder are kept, so that they outlive the driver; None for a lake on disk."""
        return f"{self.lake.rstrip('/')}/{name}" if self.lake.startswith("s3://") else None

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
    on_s3 = name.startswith(conf_s3.SCHEME)
    if not on_s3 and (not path.is_file() or not (is_path or name in known)):
        raise ConfigError(f"no configuration '{name}': give a path, an s3:// address, or one of {', '.join(known)}")
    try:
        text, address = conf_s3.read(name, path)
        values = conf_s3.with_folders(yaml.safe_load(text) or {}, address, CONF_FOLDER)
        conf_ = Conf(**values)
        given = {k: v for k, v in overrides.items() if v is not None}
        return conf_.model_copy(update=given)
    except yaml.YAMLError as e:
        raise ConfigError(f"{name if on_s3 else path} is not YAML: {' '.join(str(e).split())}") from e
    except (ValidationError, TypeError) as e:
        raise ConfigError(f"{name if on_s3 else path}: {describe(e) if isinstance(e, ValidationError) else e}") from e
