"""Sections of a configuration, but those of EMR: what stands below each key of conf/<env>.yml."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from lake.conf_emr import Prices
from lake.conf_section import Section
from lake.errors import ConfigError
from lake.features import FEATURE_VERSION_1, check_version


class Landing(Section):
    """Where sources' files arrive: `root` joined with a glob per source."""

    root: Annotated[str, Field(description="folder or s3:// prefix under which files land")]
    sources: Annotated[dict[str, str], Field(description="source name -> glob below root")]


def _known_version(version: str) -> str:
    try:
        return check_version(version)
    except ConfigError as e:
        # pydantic says where in the file it is
        raise ValueError(str(e)) from e


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
    most_rows: Annotated[
        int, Field(gt=0, description="of a coverage: the driver holds them. Of a larger frame policies are drawn, whole")
    ] = 10_000_000
    distributed_above_rows: Annotated[int, Field(gt=0, description="rows above which xgboost.spark fits")] = 100_000_000
    threads: Annotated[int, Field(ge=1, description="of XGBoost; another number may change the last bits of a model")] = 2


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
GATEWAY = r"^(https?://)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}(/\S*)?$"
"""host:port, also with the scheme and a path; never with a name and a password, for complaints have it."""


def _web_address(address: str) -> str:
    """Says nothing of what was given: it is a secret."""
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and address.split() == [address]
    except ValueError:
        # its text quotes a part
        is_one = False
    if not is_one:
        raise ValueError("no address: http:// or https://, then a host, and no space in it")
    return address


WebAddress = Annotated[str, AfterValidator(_web_address)]
Unset = BeforeValidator(lambda given: None if given == "" else given)
"""An empty variable of the environment is one that is not set."""


class Channels(Section):
    """Where alerts are sent. Addresses and keys are secrets: set TELEMATICS_ALERTS__CHANNELS__WEBHOOK and the like."""

    file: Annotated[str | None, Field(description="JSON lines are appended to it")] = None
    sns: Annotated[str | None, Field(pattern=r"^arn:aws[a-z-]*:sns:", description="ARN of a topic")] = None
    webhook: Annotated[WebAddress | None, Unset, Field(description="address that takes Slack's messages")] = None
    pagerduty_key: Annotated[str | None, Unset, Field(description="routing key of PagerDuty's events v2: critical alerts")] = None
    pagerduty: Annotated[WebAddress, Field(description="address of the events")] = PAGERDUTY_EVENTS


class Alerting(Section):
    """What is watched, and who is told."""

    rules: Annotated[str | None, Field(description="alerts.yaml; null: the one shipped")] = None
    channels: Channels = Channels()
    page_address: Annotated[str | None, Field(description="where the reports folder is served, for links in messages")] = None
    prometheus_textfile: Annotated[str | None, Field(description="file of the node exporter's textfile collector")] = None
    prometheus_push: Annotated[str | None, Field(pattern=GATEWAY, description="host:port of a push gateway")] = None


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
