"""A scripted fake of EMR Serverless and of EMR's steps; tests.emr.fake_server puts it on loopback, where boto3 is pointed at it.

What a request says is held to botocore's own service models, and so is what the fake answers: one that answers what AWS could
not would prove nothing. It knows no more of EMR than scripts tell it: a run is a list of moments, each look at it the next one.
"""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.model import OperationModel, ServiceModel
from botocore.session import Session
from botocore.validate import ParamValidator

SERVICES: dict[str, ServiceModel] = {name: Session().get_service_model(name) for name in ("emr-serverless", "emr")}
RUN_STATES: list[str] = SERVICES["emr-serverless"].shape_for("JobRunState").enum
STEP_STATES: list[str] = SERVICES["emr"].shape_for("StepState").enum
NEW = "HIBERNATING"
"""A state that the service may have one day."""
PAGE_SIZE = 3
NAMES = {"SUCCESS": "COMPLETED", "SUBMITTED": "PENDING", "CANCELLING": "CANCEL_PENDING"}
"""A moment of a script for both services: what a step calls a state of EMR Serverless."""


@dataclass(frozen=True)
class Moment:
    """How a run stands at one look."""

    state: str
    details: str = ""
    attempt: int = 1
    seconds: int | None = None
    billed: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Fault:
    """What happens to the next call of an operation in the place of an answer: an error's code and status, or (None) a cut
    connection, before the call is done or after it."""

    operation: str
    code: str | None = None
    status: int = 429
    is_done: bool = False


@dataclass
class FakeRun:
    id: str
    request: dict[str, Any]
    script: list[Moment]
    created_at: dt.datetime
    looks: int = 0
    cancelled: bool = False

    @property
    def now(self) -> Moment:
        now = self.script[min(self.looks, len(self.script) - 1)]
        # the validator looks at types only
        states = STEP_STATES if self.id.startswith("s-") else RUN_STATES
        assert NAMES.get(now.state, now.state) in states or now.state in states or now.state == NEW
        return now


@dataclass
class FakeEmr:
    """Its state. `script` is of the next runs; `after_cancel` follows a cancellation; `is_dark` cuts every connection;
    `cancels_nothing` is why a step is not cancelled."""

    script: list[Moment] = field(default_factory=lambda: [Moment("SUCCESS")])
    after_cancel: list[Moment] = field(default_factory=lambda: [Moment("CANCELLING"), Moment("CANCELLED", "by us")])
    faults: list[Fault] = field(default_factory=list)
    runs: dict[str, FakeRun] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    on_look: Callable[["FakeRun"], None] = lambda run: None
    is_dark: bool = False
    cancels_nothing: str = ""
    release: str = "emr-spark-8.1.0"
    subnets: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def called(self, operation: str) -> list[dict[str, Any]]:
        return [given for name, given in self.calls if name == operation]

    def add(
        self, request: dict[str, Any], script: list[Moment], created_at: dt.datetime | None = None, step: bool = False
    ) -> FakeRun:
        number = len(self.runs) + 1
        run_id = f"s-{number:013d}" if step else f"00run{number:08d}"
        self.runs[run_id] = FakeRun(run_id, request, list(script), created_at or dt.datetime.now(dt.UTC))
        return self.runs[run_id]


class Wrong(Exception):
    """An answer of AWS that is no success."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Cut(Exception):
    """The connection ends without an answer."""


def validated(value: dict[str, Any], shape: Any, what: str) -> dict[str, Any]:
    """The value, if it is of the shape."""
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise Wrong("ValidationException", f"{what}: {report.generate_report()}")
    return value


def answer(fake: FakeEmr, service: str, operation: OperationModel, given: dict[str, Any]) -> dict[str, Any]:
    """What AWS answers, held to its model."""
    validated(given, operation.input_shape, f"request of {operation.name}")
    with fake.lock:
        fake.calls.append((operation.name, given))
        fault = next((f for f in fake.faults if f.operation == operation.name), None)
        if fault is not None:
            fake.faults.remove(fault)
        if fake.is_dark or (fault is not None and fault.code is None and not fault.is_done):
            raise Cut
        if fault is not None and fault.code is not None:
            raise Wrong(fault.code, "said the script", fault.status)
        done: dict[str, Any] = HANDLERS[operation.name](fake, given)
        if fault is not None:
            raise Cut
    if operation.output_shape is not None:
        report = ParamValidator().validate(done, operation.output_shape)
        if report.has_errors():
            raise Wrong("ValidationException", f"the FAKE answers {operation.name} as AWS cannot: {report.generate_report()}")
    return done


def start_job_run(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    token = given["clientToken"]
    if token in fake.tokens:
        run = fake.runs[fake.tokens[token]]
        if run.request != given:
            raise Wrong("ConflictException", "the token was used for another request", 409)
    else:
        run = fake.add(given, fake.script)
        fake.tokens[token] = run.id
    return {"applicationId": given["applicationId"], "jobRunId": run.id, "arn": arn(run)}


def get_job_run(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    run = there(fake, given["jobRunId"])
    fake.on_look(run)
    now = run.now
    run.looks += 1
    request = run.request
    shown = summary(run, now) | {
        "jobRunId": run.id, "jobDriver": request["jobDriver"], "attempt": now.attempt,
        "executionTimeoutMinutes": request.get("executionTimeoutMinutes", 720),
    }  # fmt: skip
    del shown["id"]
    if now.seconds is not None:
        shown["totalExecutionDurationSeconds"] = now.seconds
    if now.billed is not None:
        shown["billedResourceUtilization"] = dict(zip(("vCPUHour", "memoryGBHour", "storageGBHour"), now.billed, strict=True))
    return {"jobRun": shown}


def list_job_runs(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    after, before = given.get("createdAtAfter"), given.get("createdAtBefore")
    runs = [r for r in fake.runs.values() if (not after or r.created_at >= after) and (not before or r.created_at < before)]
    at = int(given.get("nextToken", "0"))
    more = {"nextToken": str(at + PAGE_SIZE)} if at + PAGE_SIZE < len(runs) else {}
    return {"jobRuns": [summary(r, r.now) for r in runs[at:at + PAGE_SIZE]], **more}  # fmt: skip


def cancel_job_run(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    run = there(fake, given["jobRunId"])
    if run.now.state in ("SUCCESS", "FAILED", "CANCELLED"):
        raise Wrong("ValidationException", f"job run is {run.now.state}")
    cancelled(fake, run)
    return {"applicationId": given["applicationId"], "jobRunId": run.id}


def get_dashboard(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    return {"url": f"https://spark.example/{there(fake, given['jobRunId']).id}"}


def get_application(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC)
    arn = f"arn:aws:emr-serverless:us-east-1:123456789012:/applications/{given['applicationId']}"
    shown: dict[str, Any] = {"applicationId": given["applicationId"], "arn": arn, "releaseLabel": fake.release, "type": "SPARK"}
    if fake.subnets:
        shown["networkConfiguration"] = {"subnetIds": fake.subnets}
    return {"application": shown | {"state": "STOPPED", "architecture": "ARM64", "createdAt": now, "updatedAt": now}}


def describe_cluster(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    return {"Cluster": {"Id": given["ClusterId"], "Status": {"State": "WAITING"}}}


def add_steps(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    return {"StepIds": [fake.add(given, fake.script, step=True).id for _ in given["Steps"]]}


def describe_step(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    run = there(fake, given["StepId"])
    fake.on_look(run)
    now = run.now
    run.looks += 1
    return {"Step": step(run, now)}


def list_steps(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    runs, at = list(fake.runs.values()), int(given.get("Marker", "0"))
    more = {"Marker": str(at + PAGE_SIZE)} if at + PAGE_SIZE < len(runs) else {}
    return {"Steps": [step(r, r.now) for r in runs[at:at + PAGE_SIZE]], **more}  # fmt: skip


def cancel_steps(fake: FakeEmr, given: dict[str, Any]) -> dict[str, Any]:
    for run_id in given["StepIds"] if not fake.cancels_nothing else ():
        cancelled(fake, there(fake, run_id))
    answer = {"Status": "FAILED", "Reason": fake.cancels_nothing} if fake.cancels_nothing else {"Status": "SUBMITTED"}
    return {"CancelStepsInfoList": [{"StepId": x, **answer} for x in given["StepIds"]]}


HANDLERS: dict[str, Callable[[FakeEmr, dict[str, Any]], dict[str, Any]]] = {
    "StartJobRun": start_job_run, "GetJobRun": get_job_run, "ListJobRuns": list_job_runs, "CancelJobRun": cancel_job_run,
    "GetDashboardForJobRun": get_dashboard, "GetApplication": get_application, "DescribeCluster": describe_cluster,
    "AddJobFlowSteps": add_steps, "DescribeStep": describe_step, "ListSteps": list_steps, "CancelSteps": cancel_steps,
}  # fmt: skip


def there(fake: FakeEmr, run_id: str) -> FakeRun:
    if run_id not in fake.runs:
        raise Wrong("InvalidRequestException" if run_id.startswith("s-") else "ResourceNotFoundException", f"no {run_id}", 404)
    return fake.runs[run_id]


def cancelled(fake: FakeEmr, run: FakeRun) -> None:
    run.script, run.looks, run.cancelled = list(fake.after_cancel), 0, True


def arn(run: FakeRun) -> str:
    return f"arn:aws:emr-serverless:us-east-1:000000000000:/applications/{run.request['applicationId']}/jobruns/{run.id}"


def summary(run: FakeRun, now: Moment) -> dict[str, Any]:
    request = run.request
    return {
        "applicationId": request["applicationId"], "id": run.id, "name": request["name"], "mode": "BATCH", "arn": arn(run),
        "createdBy": "arn:aws:iam::000000000000:user/rita", "createdAt": run.created_at, "updatedAt": run.created_at,
        "executionRole": request["executionRoleArn"], "state": now.state, "stateDetails": now.details or "as the script has it",
        "releaseLabel": "emr-spark-8.1.0",
    }  # fmt: skip


def step(run: FakeRun, now: Moment) -> dict[str, Any]:
    timeline = {"CreationDateTime": run.created_at}
    if now.seconds is not None:
        timeline |= {"StartDateTime": run.created_at, "EndDateTime": run.created_at + dt.timedelta(seconds=now.seconds)}
    status = {"State": NAMES.get(now.state, now.state), "Timeline": timeline}
    if now.details:
        status["FailureDetails"] = {"Message": now.details}
    return {"Id": run.id, "Name": run.request["Steps"][0]["Name"], "ActionOnFailure": "CONTINUE", "Status": status}
