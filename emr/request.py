"""One start as one EMR Serverless job run or one step on EC2: the request as data, checked against AWS's own service models."""

import shlex
from collections.abc import Iterator
from typing import Any

from emr.starts import Start
from lake.conf import Conf
from lake.conf_emr import Ec2, Emr
from lake.errors import ConfigError
from lake.s3 import on_s3

SERVERLESS, STEPS = "emr-serverless", "emr"
LONGEST_MINUTES = 10_080
"""Seven days, the longest that EMR Serverless lets a batch run take."""
_DRIVER_ENV = "spark.emr-serverless.driverEnv."
Request = dict[str, Any]


def emr_of(conf: Conf, conf_name: str) -> Emr:
    """The section. Raises ConfigError where there is none."""
    if conf.emr is None:
        mend = "name one that has with --env dev (staging, production)"
        raise ConfigError(f"configuration '{conf_name}' has no `emr` section: {mend}")
    return conf.emr


def refuse_local(conf_name: str) -> None:
    """Raise ConfigError for a file of this machine: a run cannot read it."""
    if conf_name.endswith((".yml", ".yaml")) and not on_s3(conf_name):
        raise ConfigError(
            f"a run on EMR cannot read {conf_name}: `telematics emr deploy --env {conf_name} --conf-only` puts it on S3"
        )


def ec2_of(conf: Conf, conf_name: str) -> Ec2:
    """The cluster. Raises ConfigError where the configuration names none."""
    found = emr_of(conf, conf_name).ec2
    if found is None:
        raise ConfigError(f"configuration '{conf_name}' names no cluster: give emr.ec2.cluster_id, or --target serverless")
    return found


def job_run(conf: Conf, conf_name: str, start: Start) -> Request:
    """StartJobRun's parameters. Raises ConfigError where the configuration cannot be submitted."""
    emr = emr_of(conf, conf_name)
    refuse_local(conf_name)
    request = {
        "applicationId": emr.application_id,
        "clientToken": start.token,
        "executionRoleArn": getattr(emr.execution_role_arns, start.role),
        "name": start.name,
        "mode": "BATCH",
        "executionTimeoutMinutes": min(emr.timeout_minutes * start.nights, LONGEST_MINUTES),
        # attempts are ours: a restart from the beginning by EMR would not be in the client token
        "retryPolicy": {"maxAttempts": 1},
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": emr.entry_point,
                "entryPointArguments": ["--conf", conf_name, *start.arguments],
                "sparkSubmitParameters": spark_submit_parameters(emr.settings_of(start.role)),
            }
        },
        "configurationOverrides": {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": emr.log_uri}}},
        "tags": {"start": start.kind, "date": str(start.date), **start.tags},
    }
    check(request, SERVERLESS, "StartJobRun")
    return request


def step(conf: Conf, conf_name: str, start: Start) -> Request:
    """AddJobFlowSteps' parameters: one step that runs spark-submit, with the role that a job run of the start has."""
    emr, cluster = emr_of(conf, conf_name), ec2_of(conf, conf_name)
    refuse_local(conf_name)
    # a start's own sizes are Serverless's: no node of a cluster need have a driver of 120 GB
    settings = shlex.split(spark_submit_parameters(step_settings(emr.spark_submit | cluster.spark_submit)))
    command = ["spark-submit", "--deploy-mode", "cluster", "--name", start.name, *settings, emr.entry_point]
    one = {
        "Name": start.name,
        # a step that fails must not end the cluster that the next one needs
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [*command, "--conf", conf_name, *start.arguments]},
    }
    role = getattr(emr.execution_role_arns, start.role)
    request = {"JobFlowId": cluster.cluster_id, "ExecutionRoleArn": role, "Steps": [one]}
    check(request, STEPS, "AddJobFlowSteps")
    return request


def step_settings(settings: dict[str, str]) -> dict[str, str]:
    """Settings of a Serverless run as YARN's cluster mode names them: the driver is the application master."""
    yarn = "spark.yarn.appMasterEnv."
    return {
        f"{yarn}{key.removeprefix(_DRIVER_ENV)}" if key.startswith(_DRIVER_ENV) else key: value for key, value in settings.items()
    }


def spark_submit_parameters(settings: dict[str, str]) -> str:
    """Settings as spark-submit's `--conf key=value`, quoted as a shell would need it, in sorted order."""
    return " ".join(f"--conf {shlex.quote(f'{key}={value}')}" for key, value in sorted(settings.items()))


def check(request: Request, service: str, operation: str) -> None:
    """Raise ConfigError that says what AWS would refuse, by botocore's service model; nothing is sent."""
    from botocore.loaders import create_loader
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator

    # a session would ask for a profile, which a dry run needs not have
    model = ServiceModel(create_loader().load_service_model(service, "service-2"), service)
    shape = model.operation_model(operation).input_shape
    if shape is None:
        raise ConfigError(f"the installed botocore has no input for {operation}")
    report = ParamValidator().validate(request, shape)
    wrong = report.generate_report().splitlines() if report.has_errors() else list(_too_long(shape, request, "request"))
    if wrong:
        raise ConfigError(f"{operation} would refuse the request: {'; '.join(wrong)}")


def _too_long(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Texts that are longer than the model allows, which botocore leaves to the service."""
    if shape.type_name == "structure":
        for name, one in value.items():
            yield from _too_long(shape.members[name], one, f"{path}.{name}")
    elif shape.type_name in ("list", "map"):
        inner = shape.member if shape.type_name == "list" else shape.value
        for key, one in enumerate(value) if shape.type_name == "list" else value.items():
            yield from _too_long(inner, one, f"{path}.{key}")
    elif shape.type_name == "string" and len(value) > (most := shape.metadata.get("max", len(value))):
        yield f"{path} has {len(value)} characters, and {most} at most are taken"
