"""What a deployment is and how it gets to S3: files below names of their contents, and last of all a record that names them. What
runs is what the configuration's two lines name: pointing at a deployment, or back at an older one, writes them.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emr.archive import content_hash, sha256_of
from emr.aws import asking, client
from emr.configure import write
from emr.package import DEPLOYED, Manifest
from emr.self_test import passed
from lake.conf import Conf
from lake.errors import ConfigError, EnvironmentProblem
from lake.s3 import bucket_and_key

ENTRY = Path(__file__).parent / "entry.py"
_PRECONDITION, _NOT_FOUND, _CONFLICT = 412, 404, 409
SINGLE_PUT_BYTES = 5 * 2**30
"""The largest object of one PUT."""


@dataclass(frozen=True)
class Deployment:
    """Where each part of a deployment is. `id` depends on the contents only: the same contents are the same deployment."""

    id: str
    environment: str
    arch: str
    git_commit: str
    archive: str
    entry: str

    @property
    def archives(self) -> str:
        """The value of spark.archives."""
        return f"{self.archive}#environment"

    def settings(self) -> dict[str, str]:
        """What the configuration's `emr` section must name."""
        return {"entry_point": self.entry, "spark_submit.spark.archives": self.archives}


class Place:
    """The folder on S3 that deployments of one account are kept in."""

    def __init__(self, root: str, client: Any) -> None:
        self.root, self.client = root.rstrip("/"), client

    def uri(self, name: str) -> str:
        """The address of a name in the folder."""
        return f"{self.root}/{name}"

    def put(self, name: str, content: bytes | Path) -> bool:
        """Write what is not there yet, with its checksum, never over anything. Returns whether it was written.

        Names carry the hash of their content, so what is there already is the same; S3 refuses a body that does not have the
        checksum. Raises Refused or Unreachable where S3 does not take it.
        """
        digest = bytes.fromhex(sha256_of(content)) if isinstance(content, Path) else hashlib.sha256(content).digest()
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        if size > SINGLE_PUT_BYTES:
            raise EnvironmentProblem(f"{self.uri(name)} would have {size:,} bytes: S3 takes {SINGLE_PUT_BYTES:,} in one PUT")
        if self._has(name, size):
            return False
        if isinstance(content, bytes):
            return self._put(name, content, digest)
        with content.open("rb") as stream:
            return self._put(name, stream, digest)

    def _put(self, name: str, body: Any, digest: bytes) -> bool:
        from botocore.exceptions import ClientError

        bucket, key = bucket_and_key(self.uri(name))
        checksum = base64.b64encode(digest).decode()
        with asking(self.uri(name)):
            try:
                self.client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumSHA256=checksum, IfNoneMatch="*")
            except ClientError as e:
                # 409: another conditional PUT of the same name was under way
                if e.response["ResponseMetadata"]["HTTPStatusCode"] in (_PRECONDITION, _CONFLICT):
                    return False
                raise
        return True

    def _has(self, name: str, size: int) -> bool:
        from botocore.exceptions import ClientError

        bucket, key = bucket_and_key(self.uri(name))
        with asking(self.uri(name)):
            try:
                return bool(self.client.head_object(Bucket=bucket, Key=key)["ContentLength"] == size)
            except ClientError as e:
                if e.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
                    return False
                raise

    def has(self, uri: str) -> bool:
        """Whether an object is there, of whatever size."""
        from botocore.exceptions import ClientError

        bucket, key = bucket_and_key(uri)
        with asking(uri):
            try:
                self.client.head_object(Bucket=bucket, Key=key)
            except ClientError as e:
                if e.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
                    return False
                raise
        return True

    def read(self, name: str) -> dict[str, Any] | None:
        """A JSON object; None where there is none."""
        from botocore.exceptions import ClientError

        bucket, key = bucket_and_key(self.uri(name))
        with asking(self.uri(name)):
            try:
                answer = self.client.get_object(Bucket=bucket, Key=key)
                content: dict[str, Any] = json.loads(answer["Body"].read())
            except ClientError as e:
                if e.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_FOUND:
                    return None
                raise
        return content


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def place_of(conf: Conf, client: Any) -> Place:
    """The folder of the configuration's entry point. Raises ConfigError where it has no `emr` section."""
    if conf.emr is None:
        raise ConfigError("the configuration has no `emr` section: deploy with --env staging or --env production")
    parts = conf.emr.entry_point.split("/")
    # s3://bucket/telematics/entry.py, or what an earlier deployment named: s3://bucket/telematics/entry/entry-<hash>.py
    return Place("/".join(parts[: -2 if parts[-2] == "entry" else -1]), client)


def s3_client(region: str) -> Any:
    """boto3's client for bodies of hundreds of megabytes."""
    return client("s3", region, read_s=300)


def deploy(place: Place, environment: str, manifest: Manifest, folder: Path) -> Deployment:
    """Upload the archive that `folder` holds and the entry point, then the record. Nothing that runs changes.

    Raises EnvironmentProblem for an archive that is not what was tested; nothing is uploaded then.
    """
    check(manifest, folder)
    archive, entry = f"environments/{manifest.archive}", f"entry/entry-{content_hash(ENTRY.read_bytes())}.py"
    place.put(archive, folder / manifest.archive)
    place.put(entry, ENTRY)
    uris = {"archive": place.uri(archive), "entry": place.uri(entry)}
    identity = content_hash(json.dumps([environment, *sorted(uris.values())]).encode())
    deployment = Deployment(identity, environment, manifest.arch, manifest.git_commit, **uris)
    place.put(f"deployments/{identity}.json", _json(asdict(deployment)))
    return deployment


def check(manifest: Manifest, folder: Path) -> None:
    """Raise EnvironmentProblem unless the archive runs where it goes, is the manifest's, and passed its self-test."""
    if manifest.arch != DEPLOYED:
        raise EnvironmentProblem(f"{manifest.archive} is for {manifest.arch}, and what runs it is {DEPLOYED}")
    if not passed(manifest):
        raise EnvironmentProblem(f"{manifest.archive} has not passed its self-test: run `telematics emr package`")
    if not (folder / manifest.archive).is_file():
        raise EnvironmentProblem(f"{folder / manifest.archive} is not there: run `telematics emr package`")
    if sha256_of(folder / manifest.archive) != manifest.sha256:
        raise EnvironmentProblem(f"{folder / manifest.archive} is not what was tested: run `telematics emr package`")


def point(place: Place, deployment: Deployment, conf_file: Path) -> list[str]:
    """Write a deployment's two lines into the configuration; returns the lines that change. Raises EnvironmentProblem where
    a part of it is not there."""
    gone = [uri for uri in (deployment.archive, deployment.entry) if not place.has(uri)]
    if gone:
        raise EnvironmentProblem(f"deployment {deployment.id} is not whole: {', '.join(gone)} is not there")
    values = {("emr", *key.split(".", 1)): value for key, value in deployment.settings().items()}
    return write(conf_file, values, is_dry_run=False)


def earlier(place: Place, identity: str, environment: str) -> Deployment:
    """A deployment's record. Raises EnvironmentProblem where there is none of that id, or it is of another environment."""
    found = place.read(f"deployments/{identity}.json")
    if found is None:
        raise EnvironmentProblem(f"{place.uri('deployments/')} has no {identity}.json")
    deployment = Deployment(**found)
    if deployment.environment != environment:
        raise EnvironmentProblem(f"deployment {identity} is of {deployment.environment}, not of {environment}")
    return deployment


def conf_files(path: Path, conf: Conf) -> dict[str, bytes]:
    """Name below the configuration's folder on S3 -> content: the configuration, and the sources and rules that it uses."""
    beside = [(folder.name, x) for folder in (conf.sources_path, conf.rules_path) for x in sorted(folder.glob("*.yml"))]
    return {path.name: path.read_bytes(), **{f"{folder}/{x.name}": x.read_bytes() for folder, x in beside}}


def deploy_conf(place: Place, environment: str, files: dict[str, bytes]) -> str:
    """Upload a configuration with what is beside it below a hash of all; returns its address for --conf. The configuration comes
    last, so that whoever reads it finds the rest."""
    digest = content_hash(json.dumps({name: hashlib.sha256(x).hexdigest() for name, x in sorted(files.items())}).encode())
    first, *rest = files
    for name in (*rest, first):
        place.put(f"conf/{environment}-{digest}/{name}", files[name])
    return place.uri(f"conf/{environment}-{digest}/{first}")
