"""An EMR of the test's own behind the command line: the fake, a bucket on the S3 server for logs, and no long waits."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from emr import watch
from emr.watch import Pace
from jobs.cli import run
from tests.emr.fake import FakeEmr, FakeRun, Moment
from tests.emr.fake_server import serving
from tests.servers import S3

CLUSTER = "j-ABC123"
NIGHT = ("submit", "nightly", "--date", "2026-01-05")
WELL = [Moment("SUBMITTED"), Moment("PENDING"), Moment("SCHEDULED"), Moment("RUNNING"), Moment("SUCCESS", seconds=600)]
QUICK = Pace(poll_s=0.02, retry_s=0.02, longest_retry_s=0.05, cancel_s=1.0)


@dataclass
class Account:
    """What a test sees of it."""

    fake: FakeEmr
    fake_address: str
    s3: S3
    bucket: str
    capture: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def run(self, *arguments: str) -> int:
        """One command line in production's configuration; what it printed is in `out` and `err`."""
        code = run(["--conf", "production", "emr", *arguments])
        self.out, self.err = self.capture.readouterr()
        return code

    def log(self, place: str, text: str) -> None:
        """Put a log below the place of logs."""
        self.s3.client().put_object(Bucket=self.bucket, Key=f"emr/{place}", Body=gzip.compress(text.encode()))

    def driver_log(self, run: FakeRun, stream: str, text: str, attempt: str = "") -> None:
        """The driver's log of a job run."""
        application = run.request["applicationId"]
        self.log(f"applications/{application}/jobs/{run.id}/{attempt}SPARK_DRIVER/{stream}.gz", text)


def only(cloud: Account) -> FakeRun:
    """The run, of an account that has one."""
    (run,) = cloud.fake.runs.values()
    return run


@contextmanager
def account_of(s3: S3, bucket: str, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> Iterator[Account]:
    """Configuration and endpoints for the body; boto3 tries as often as it does, only sooner."""
    fake = FakeEmr()
    with serving(fake) as address:
        for name in ("EMR_SERVERLESS", "EMR"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", address)
        monkeypatch.setenv("TELEMATICS_EMR__LOG_URI", f"s3://{bucket}/emr/")
        monkeypatch.setenv("TELEMATICS_EMR__EC2__CLUSTER_ID", CLUSTER)
        monkeypatch.setattr(watch, "PACE", QUICK)
        monkeypatch.setattr("emr.submit.FIRST_WAIT_S", 0.01)
        monkeypatch.setattr("emr.commands_runs.PACE", QUICK)
        monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.01)
        yield Account(fake, address, s3, bucket, capture)
