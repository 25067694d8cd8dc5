"""What the commands share: configuration, the run's id, and a lake that starts Spark when first asked for."""

import datetime as dt
import uuid
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lake.conf import Conf, load_conf
from lake.delta import Lake, check_writable
from lake.errors import EnvironmentProblem, LakeError
from lake.log import configure

terminal = Console(stderr=True, highlight=False)

DATE_FORMATS = ["%Y-%m-%d"]
DateOption = Annotated[dt.datetime, typer.Option(formats=DATE_FORMATS, help="the night D: the UTC day that has ended")]
MaybeDate = Annotated[dt.datetime | None, typer.Option(formats=DATE_FORMATS, help="a UTC day")]


def _known_format(form: str) -> str:
    if form not in FORMATS:
        raise typer.BadParameter(f"'{form}' is not one of {', '.join(FORMATS)}")
    return form


FORMATS = ("table", "csv", "json")
FormatOption = Annotated[str, typer.Option("--format", help="table, csv or json", callback=_known_format)]


class State:
    """One invocation."""

    def __init__(self, conf_name: str, lake_root: str | None, debug: bool) -> None:
        self.conf_name, self.lake_root, self.debug = conf_name, lake_root, debug
        self.run_id = uuid.uuid4().hex[:12]

    @cached_property
    def conf(self) -> Conf:
        """The configuration."""
        return load_conf(self.conf_name, lake=self.lake_root)

    @cached_property
    def lake(self) -> Lake:
        """The lake, for writing: Spark is started, the root is checked first."""
        check_reachable(self.conf, self.conf.lake, self.conf.landing.root)
        check_writable(self.conf.lake)
        configure(self.conf.logs_path, self.run_id, debug=self.debug)
        return self._start()

    @cached_property
    def existing_lake(self) -> Lake:
        """The lake, for reading. Raises LakeError where there is none."""
        if not self.conf.lake.startswith("s3://") and not Path(self.conf.lake).is_dir():
            raise LakeError(f"there is no lake at {self.conf.lake}: run `telematics demo`, or name one with --lake")
        check_reachable(self.conf, self.conf.lake)
        configure(None, self.run_id, debug=self.debug)
        return self._start()

    def _start(self) -> Lake:
        from lake.session import spark_session

        with terminal.status("starting Spark"):
            return Lake(spark_session(self.conf, jvm_log=self._jvm_log()), self.conf.lake)

    def _jvm_log(self) -> Path | None:
        folder = self.conf.logs_path
        return folder / "spark.log" if folder.is_dir() and not self.debug else None


def check_reachable(conf: Conf, *places: str) -> None:
    """Raise EnvironmentProblem for a place on S3 where Spark runs with our jars: hadoop-aws comes with EMR."""
    on_s3 = [place for place in places if place.startswith("s3://")]
    if on_s3 and conf.jars is not None:
        raise EnvironmentProblem(
            f"{on_s3[0]}: Spark on this machine has no hadoop-aws, which reading and writing S3 needs and EMR brings: "
            f"name a local folder, or run it there"
        )


def state(context: typer.Context) -> State:
    """The invocation's state."""
    found = context.find_object(State)
    if found is None:
        raise RuntimeError("the command line did not set its state")
    return found


def day(value: dt.datetime) -> dt.date:
    """An option's date."""
    return value.date()


def instant(value: dt.datetime | None) -> dt.datetime | None:
    """An option's instant; one without a zone is UTC."""
    if value is None:
        return None
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
