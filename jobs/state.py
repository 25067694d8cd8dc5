"""What the commands share: configuration, the run's id, and a lake that starts Spark when first asked for."""

import datetime as dt
import sys
import uuid
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from pyspark.sql import SparkSession
from rich.console import Console

from jobs.causes import cause
from lake.conf import Conf, load_conf
from lake.conf_sections import S3Limits
from lake.delta import Lake, check_writable
from lake.delta_log import check_whole
from lake.errors import ConfigError, LakeError, LeaseLost, TelematicsError
from lake.format_version import check_format
from lake.jars import S3_JARS, missing_jars
from lake.lease import Lease
from lake.lease_chain import myself, refuse_if_held
from lake.lease_store import LeaseStore, lease_store
from lake.log import configure
from lake.masking import without_secrets
from lake.s3 import on_s3
from lake.storage import keep

terminal = Console(stderr=True, highlight=False)

DATE_FORMATS = ["%Y-%m-%d"]
DateOption = Annotated[dt.datetime, typer.Option(formats=DATE_FORMATS, help="the night D: the UTC day that has ended")]
MaybeDate = Annotated[dt.datetime | None, typer.Option(formats=DATE_FORMATS, help="a UTC day")]


SourceOption = Annotated[str, typer.Option("--source", help="name of a file in conf/sources")]
MaybeSource = Annotated[str | None, typer.Option("--source", help="name of a file in conf/sources")]
As = Annotated[str | None, typer.Option("--as", help="your name, where neither MLflow nor AWS knows you")]


def one_of(*choices: str) -> Callable[[str | None], str | None]:
    """An option's callback that refuses what is not among the choices."""

    def chosen(value: str | None) -> str | None:
        if value is not None and value not in choices:
            raise typer.BadParameter(f"'{value}' is not one of {', '.join(choices)}")
        return value

    return chosen


FormatOption = Annotated[str, typer.Option("--format", help="table, csv or json", callback=one_of("table", "csv", "json"))]


class State:
    """One invocation."""

    def __init__(self, conf_name: str, lake_root: str | None, debug: bool) -> None:
        self.conf_name, self.lake_root, self.debug = conf_name, lake_root, debug
        self.run_id = uuid.uuid4().hex[:12]
        self._places: tuple[str, ...] = ()
        self._lease: Lease | None = None

    @cached_property
    def conf(self) -> Conf:
        """The configuration."""
        return load_conf(self.conf_name, lake=self.lake_root)

    @cached_property
    def lake(self) -> Lake:
        """The lake, for writing: Spark is started, the root is checked first."""
        return self._checked(self.older_lake)

    @cached_property
    def older_lake(self) -> Lake:
        """The lake, for upgrading: of whatever format."""
        check_writable(self.conf.lake)
        configure(self.log_folder, self.run_id, debug=self.debug)
        # before Spark's seconds; taken is it when there is something to cancel
        refuse_if_held(self.lease_store, self.takeover_after_s)
        spark = self._start(self.conf.lake, self.conf.landing.root).spark
        self._lease = self._take_lease(spark)
        return Lake(spark, self.conf.lake, self._lease)

    @cached_property
    def frames_lake(self) -> Lake:
        """The lake, for training, which holds no lease: a frame is named by its content, and nothing else is written."""
        check_writable(self.conf.lake)
        configure(self.log_folder, self.run_id, debug=self.debug)
        return self._checked(self._start(self.conf.lake, self.conf.landing.root))

    @cached_property
    def lease_store(self) -> LeaseStore:
        """Where the lake's leases are."""
        return lease_store(self.conf.lake)

    @property
    def holds_lease(self) -> bool:
        """Whether this invocation has taken the lake's lease."""
        return self._lease is not None

    @property
    def takeover_after_s(self) -> float:
        """On disk nothing is under way that has a time-out. On S3 boto3's client, which renews, has the default limits, Spark's
        has those of the configuration."""
        longest_s = max(self.conf.s3.longest_request_s, S3Limits().longest_request_s)
        return longest_s if on_s3(self.conf.lake) else 0.0

    def _take_lease(self, spark: SparkSession) -> Lease:
        record = myself(without_secrets(" ".join(["telematics", *sys.argv[1:]])), self.conf.lease.duration_s)
        lease = Lease.take(self.lease_store, record, self.takeover_after_s, spark.sparkContext.cancelAllJobs)
        if (jvm := getattr(spark.sparkContext._gateway, "proc", None)) is not None:
            # killed alone, this process leaves a JVM behind that may be committing
            lease.add_process(jvm.pid)
        return lease

    def close(self) -> None:
        """End what the invocation holds. Raises LeaseLost in the place of what a lost lease made fail."""
        if self._lease is None:
            return
        lost = self._lease.lost
        try:
            self._lease.release()
        except (OSError, TelematicsError) as e:
            terminal.print(f"warning: the lease was not released and ends by itself: {cause(e)}", soft_wrap=True)
        if lost is not None and sys.exc_info()[0] is not None:
            raise LeaseLost(f"the lease of the lake was lost: {lost}; what was not committed is not written")

    @staticmethod
    def _checked(lake: Lake) -> Lake:
        """The lake, if its format is today's and its logs are whole. Raises LakeError otherwise."""
        check_format(lake)
        check_whole(lake)
        return lake

    @cached_property
    def existing_lake(self) -> Lake:
        """The lake, for reading. Raises LakeError where there is none."""
        self.check_there()
        configure(None, self.run_id, debug=self.debug)
        return self._checked(self._start(self.conf.lake))

    def check_there(self) -> None:
        """Raise LakeError where there is no lake on disk; one on S3 is a prefix, and always there."""
        if not on_s3(self.conf.lake) and not Path(self.conf.lake).is_dir():
            raise LakeError(f"there is no lake at {self.conf.lake}: run `telematics demo`, or name one with --lake")

    @property
    def log_folder(self) -> Path:
        """Where this invocation logs: one of its own for a lake on S3, which is kept there when it ends."""
        return self.conf.logs_path / self.run_id if on_s3(self.conf.lake) else self.conf.logs_path

    def keep_log(self) -> None:
        """Keep the log of a lake on S3 below its _logs; a failure is said and changes nothing else."""
        place = self.conf.kept(f"_logs/{self.run_id}")
        try:
            keep(self.log_folder, place)
        except TelematicsError as e:
            terminal.print(f"warning: the log stays in {self.log_folder}: {cause(e)}", soft_wrap=True)

    def will_read(self, *places: str) -> None:
        """Name what is going to be read besides the lake and the landing folder, before the lake is first asked for."""
        self._places += places

    def _start(self, *places: str) -> Lake:
        from lake.session import spark_session

        s3 = any(map(on_s3, (*places, *self._places)))
        if s3 and self.conf.jars is not None and missing_jars(Path(self.conf.jars).expanduser(), S3_JARS):
            terminal.print(f"fetching what Spark needs to reach S3, some 640 MB, once, into {self.conf.jars}")
        with terminal.status("starting Spark"):
            return Lake(spark_session(self.conf, jvm_log=self._jvm_log(), s3=s3), self.conf.lake)

    def _jvm_log(self) -> Path | None:
        folder = self.log_folder
        return folder / "spark.log" if folder.is_dir() and not self.debug else None


def state(context: typer.Context) -> State:
    """The invocation's state."""
    found = context.find_object(State)
    if found is None:
        raise RuntimeError("the command line did not set its state")
    return found


def day(value: dt.datetime) -> dt.date:
    """An option's date."""
    return value.date()


def check_order(first: dt.datetime, last: dt.datetime) -> None:
    """Raise ConfigError where --from is after --to."""
    if last < first:
        raise ConfigError(f"--from {day(first)} is after --to {day(last)}")


def instant(value: dt.datetime | None) -> dt.datetime | None:
    """An option's instant; one without a zone is UTC."""
    if value is None:
        return None
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
