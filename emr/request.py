"""One night as one EMR Serverless job run: the request as data, checked against AWS's own service model."""

import datetime as dt
import shlex
from typing import Any

from jobs.catalog import NAMES
from lake.conf import Conf, Emr
from lake.errors import ConfigError

SERVICE = "emr-serverless"
_OPERATION = "StartJobRun"
Request = dict[str, Any]


def nightly_request(conf: Conf, conf_name: str, date: dt.date, attempt: int = 1) -> Request:
    """StartJobRun's parameters for the night `date`, every job of the catalogue in one application start.

    The client token depends on (nightly, date, attempt) only, so a submission that is repeated after a lost answer
    starts nothing twice; a new attempt is a new run. Raises ConfigError where the configuration cannot be submitted.
    """
    if conf.emr is None:
        raise ConfigError(f"configuration '{conf_name}' has no `emr` section: submit with --conf staging or --conf production")
    request = _request(conf.emr, conf_name, date, attempt)
    check(request)
    return request


def _request(emr: Emr, conf_name: str, date: dt.date, attempt: int) -> Request:
    return {
        "applicationId": emr.application_id,
        "clientToken": f"nightly-{date.isoformat()}-{attempt}",
        "executionRoleArn": emr.execution_role_arn,
        "name": f"telematics nightly {date.isoformat()} attempt {attempt}",
        "mode": "BATCH",
        "executionTimeoutMinutes": emr.timeout_minutes,
        # attempts are ours: a restart from the beginning by EMR would not be in the client token
        "retryPolicy": {"maxAttempts": 1},
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": emr.entry_point,
                "entryPointArguments": ["--conf", conf_name, "nightly", "--date", date.isoformat()],
                "sparkSubmitParameters": spark_submit_parameters(emr.spark_submit),
            }
        },
        "configurationOverrides": {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": emr.log_uri}}},
        "tags": {"night": date.isoformat(), "jobs": " ".join(NAMES)},
    }


def spark_submit_parameters(settings: dict[str, str]) -> str:
    """Settings as spark-submit's `--conf key=value`, quoted as a shell would need it, in sorted order."""
    return " ".join(f"--conf {shlex.quote(f'{key}={value}')}" for key, value in sorted(settings.items()))


def check(request: Request) -> None:
    """Raise ConfigError that says what StartJobRun would refuse, by botocore's service model; nothing is sent."""
    from botocore.session import Session
    from botocore.validate import ParamValidator

    shape = Session().get_service_model(SERVICE).operation_model(_OPERATION).input_shape
    if shape is None:
        raise ConfigError(f"the installed botocore has no input for {_OPERATION}")
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise ConfigError(f"{_OPERATION} would refuse the request: {'; '.join(report.generate_report().splitlines())}")
