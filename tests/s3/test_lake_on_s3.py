"""A lake on a real S3 server."""

from pyspark.sql import SparkSession

from tests.servers import S3


def test_delta_is_written_and_read_on_s3(spark: SparkSession, s3: S3, bucket: str) -> None:
    path = f"s3://{bucket}/lake/a b/t"
    for _ in range(2):  # under one transaction id the second time is a no-op
        spark.range(100).write.format("delta").mode("append").option("txnAppId", "a").option("txnVersion", 1).save(path)
    assert spark.read.format("delta").load(path).count() == 100
    keys = [x["Key"] for x in s3.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert sum(k.endswith(".json") for k in keys) == 1, keys
