"""How this platform reaches S3: Spark's S3A settings as data. Who we are and where S3 is comes from AWS's standard variables."""

import os

LISTED_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
LISTED_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION = "us-east-1"

ALWAYS = {
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    # else every write deletes the markers of the folders above it, one request a folder
    "spark.hadoop.fs.s3a.directory.marker.retention": "keep",
}


def session_settings(*, own_jars: bool) -> dict[str, str]:
    """Settings of a session that reaches S3. With `own_jars` also whose credentials; a platform brings its own way to them."""
    settings = {**ALWAYS, **_endpoint()}
    if own_jars:
        # variables, web identity, profile, container, instance: the same chain as boto3's
        provider = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
        settings["spark.hadoop.fs.s3a.aws.credentials.provider"] = provider
    return settings


def _endpoint() -> dict[str, str]:
    endpoint, region = _first(LISTED_ENDPOINTS), _first(LISTED_REGIONS)
    settings = {"spark.hadoop.fs.s3a.endpoint.region": region or DEFAULT_REGION} if region or endpoint else {}
    if endpoint:
        settings["spark.hadoop.fs.s3a.endpoint"] = endpoint
        settings["spark.hadoop.fs.s3a.connection.ssl.enabled"] = str(not endpoint.startswith("http://")).lower()
        # a server of one's own has no name for each bucket
        settings["spark.hadoop.fs.s3a.path.style.access"] = "true"
    return settings


def _first(names: tuple[str, ...]) -> str | None:
    return next((os.environ[n] for n in names if os.environ.get(n)), None)
