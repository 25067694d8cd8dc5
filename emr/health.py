"""`telematics doctor --env E`: is everything there in the account that a configuration names, and how is it mended."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from emr.aws import Refused, Unreachable, asking, client
from emr.configure import LOG_STORE
from emr.package import DEPLOYED
from emr.request import SERVERLESS, STEPS, emr_of
from jobs.doctor import Check
from lake.conf import Conf
from lake.conf_emr import Emr
from lake.errors import LakeError
from lake.lease_store import FOLDER, lease_store
from lake.s3 import bucket_and_key, on_s3

RELEASE, TYPE, ARCHITECTURE = "emr-spark-8", "SPARK", DEPLOYED.upper()
ENDPOINTS = ("s3", "dynamodb", "sts", "kms", "sns")
"""Services that a night asks and that its subnets reach by an endpoint alone."""
LOG_STORE_KEYS = {"tablePath": "HASH", "fileName": "RANGE"}
_PLACEHOLDER = ":000000000000:"
_ANSWER_S = 10
CONFIGURE = "Fill it in: terraform output -json | telematics emr configure --env E --from -"
APPLY = "Apply emr/terraform in this account, or mend the name (telematics emr configure)."
DEPLOY = "Run telematics emr deploy --env E: it writes both lines into the configuration."
Probe = Callable[[], str]


def account_checks(conf: Conf) -> list[Check]:
    """Every check of the account, in the order in which they should be mended. Raises ConfigError where conf has no `emr`."""
    emr = emr_of(conf, "of this environment")
    first = [
        _check("placeholders", lambda: _no_placeholders(conf), CONFIGURE),
        _check("credentials", lambda: _who(emr), "Log in (aws sso login) or set AWS_PROFILE."),
    ]
    if not first[-1].ok:
        # each of the others would say the same
        return first
    return first + [_check(*one) for one in _of_account(conf, emr)]


def _of_account(conf: Conf, emr: Emr) -> Iterator[tuple[str, Probe, str]]:
    s3 = client("s3", emr.region)
    places = {
        "lake": conf.lake, "landing": conf.landing.root, "artifacts": emr.entry_point, "logs": emr.log_uri,
        "anchor": conf.registry.anchor, "history": conf.registry.history,
    }  # fmt: skip
    for name, place in places.items():
        if place is not None and on_s3(place):
            yield f"bucket of {name}", partial(_bucket, s3, place), APPLY
    yield "lease store", partial(_leases, conf.lake), APPLY
    yield "entry point", partial(_object, s3, emr.entry_point), DEPLOY
    if archive := emr.spark_submit.get("spark.archives"):
        yield "environment archive", partial(_object, s3, archive.split("#")[0]), DEPLOY
    yield "application", partial(_application, emr), APPLY
    yield "endpoints", partial(_endpoints, emr), APPLY
    iam = client("iam", emr.region)
    for start, role in emr.execution_role_arns.model_dump().items():
        yield f"role of {start}", partial(_role, iam, role), APPLY
    if table := conf.spark.get(f"{LOG_STORE}.tableName"):
        region = conf.spark.get(f"{LOG_STORE}.region", emr.region)
        yield "log store", partial(_table, table, region), APPLY
    if topic := conf.alerts.channels.sns:
        yield "alerts topic", partial(_topic, topic, emr.region), APPLY
    if conf.tracking_uri.startswith("http"):
        yield "MLflow", partial(_answers, f"{conf.tracking_uri}/health"), "Look again from inside the VPC, where jobs are."
    if emr.ec2 is not None:
        cluster = emr.ec2.cluster_id
        yield (
            "cluster",
            partial(_cluster, cluster, emr.region),
            "Apply with cluster.is_on and configure; or drop emr.ec2.",
        )


class Wrong(Exception):
    """What was seen is not what is needed."""


def _check(name: str, probe: Probe, mend: str) -> Check:
    try:
        return Check(name, True, probe())
    except Wrong as e:
        return Check(name, False, str(e), mend)
    except Refused as e:
        denied = "AccessDenied" in e.code or e.code in ("403", "Forbidden", "AuthorizationError", "UnauthorizedOperation")
        return Check(name, False, str(e), f"Ask for the right to look at it; if it is not there: {mend}" if denied else mend)
    except Unreachable as e:
        return Check(name, False, str(e), "Look at the network, the region and the VPC's endpoints.")


def _no_placeholders(conf: Conf) -> str:
    named = [x for x in json.dumps(conf.model_dump(mode="json", include={"alerts", "emr"})).split('"') if _PLACEHOLDER in x]
    if named:
        raise Wrong(f"still as shipped: {', '.join(named)}")
    return "none"


def _who(emr: Emr) -> str:
    with asking("asking who we are"):
        return str(client("sts", emr.region).get_caller_identity()["Arn"])


def _bucket(s3: Any, place: str) -> str:
    bucket, prefix = bucket_and_key(place)
    with asking(f"s3://{bucket}"):
        s3.head_bucket(Bucket=bucket)
    with asking(place):
        s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return f"s3://{bucket}"


def _object(s3: Any, place: str) -> str:
    bucket, key = bucket_and_key(place)
    with asking(place):
        return f"{place}, {s3.head_object(Bucket=bucket, Key=key)['ContentLength']:,} bytes"


def _leases(lake: str) -> str:
    try:
        last = lease_store(lake).listing().last
    except LakeError as e:
        raise Wrong(str(e)) from e
    return f"{lake}/{FOLDER}, the last lease is {last}"


def _described(emr: Emr) -> dict[str, Any]:
    with asking(f"application {emr.application_id}"):
        found = client(SERVERLESS, emr.region).get_application(applicationId=emr.application_id)["application"]
    return dict(found)


def _endpoints(emr: Emr) -> str:
    """Of the network that the application's workers are in."""
    subnets = _described(emr).get("networkConfiguration", {}).get("subnetIds", [])
    if not subnets:
        raise Wrong(f"application {emr.application_id} is in no network: it would reach neither MLflow nor endpoints")
    ec2 = client("ec2", emr.region)
    with asking(f"endpoints of the network of {subnets[0]}"):
        vpc = ec2.describe_subnets(SubnetIds=subnets[:1])["Subnets"][0]["VpcId"]
        pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        there = {x["ServiceName"] for page in pages for x in page["VpcEndpoints"] if x["State"].lower() == "available"}
    if missing := [x for x in ENDPOINTS if f"com.amazonaws.{emr.region}.{x}" not in there]:
        raise Wrong(f"{vpc} has no endpoint of {', '.join(missing)}: a run there waits for an answer that does not come")
    return f"{vpc}: {', '.join(ENDPOINTS)}"


def _application(emr: Emr) -> str:
    found = _described(emr)
    seen = {"type": found["type"].upper(), "release": found["releaseLabel"], "architecture": found.get("architecture", "X86_64")}
    what = f"{emr.application_id}: {found['state']}, {', '.join(seen.values())}"
    fits = seen["type"] == TYPE and seen["release"].startswith(RELEASE) and seen["architecture"] == ARCHITECTURE
    if found["state"] == "TERMINATED" or not fits:
        raise Wrong(f"{what}; needed is one of {TYPE}, {RELEASE}.x, {ARCHITECTURE} that is not terminated")
    return what


def _role(iam: Any, arn: str) -> str:
    name = arn.rsplit("/", 1)[1]
    with asking(f"role {name}"):
        role = iam.get_role(RoleName=name)["Role"]
    if role["Arn"] != arn:
        raise Wrong(f"{arn} is not of this account: here it is {role['Arn']}")
    if "emr-serverless.amazonaws.com" not in json.dumps(role["AssumeRolePolicyDocument"]):
        raise Wrong(f"{arn} does not let EMR Serverless take it")
    return arn


def _table(table: str, region: str) -> str:
    with asking(f"table {table}"):
        found = client("dynamodb", region).describe_table(TableName=table)["Table"]
    keys = {x["AttributeName"]: x["KeyType"] for x in found["KeySchema"]}
    if keys != LOG_STORE_KEYS:
        raise Wrong(f"{table} has keys {keys}, Delta's log store needs {LOG_STORE_KEYS}")
    return f"{table}, {found['TableStatus']}"


def _topic(topic: str, region: str) -> str:
    with asking(topic):
        client("sns", region).get_topic_attributes(TopicArn=topic)
    return topic


def _cluster(cluster_id: str, region: str) -> str:
    with asking(f"cluster {cluster_id}"):
        state = client(STEPS, region).describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"]
    if state.startswith("TERMINAT"):
        raise Wrong(f"{cluster_id} is {state}: it ends itself when idle")
    return f"{cluster_id}, {state}"


def _answers(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        raise Wrong(f"{address} is no server's address: it begins with neither http:// nor https://")
    try:
        with urllib.request.urlopen(address, timeout=_ANSWER_S) as answer:  # nosec B310 # http or https, as above
            return f"{address}, {answer.status}"
    except (urllib.error.URLError, OSError) as e:
        raise Wrong(f"{address} does not answer from here: {getattr(e, 'reason', e)}") from e
