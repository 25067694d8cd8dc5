# Two tables, paid per request: a night makes some hundred of them.

# Delta's commits: S3DynamoDBLogStore puts an entry here before and after it writes a file of a table's log, so that of two
# drivers that want one version only one gets it. Its names are Delta's and not ours to change.
resource "aws_dynamodb_table" "delta_log" {
  name         = "${var.name}-delta-log"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "tablePath"
  range_key    = "fileName"

  attribute {
    name = "tablePath"
    type = "S"
  }
  attribute {
    name = "fileName"
    type = "S"
  }

  # an entry is of no use once its file is in S3; Delta sets the time a day after that
  ttl {
    attribute_name = "expireTime"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.key_arn
  }
  deletion_protection_enabled = var.is_protected
}

# One writer per lake, for what cannot use the numbered objects below <lake>/_leases.
resource "aws_dynamodb_table" "lease" {
  name         = "${var.name}-lease"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "lake"

  attribute {
    name = "lake"
    type = "S"
  }
  ttl {
    attribute_name = "expireTime"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.key_arn
  }
  deletion_protection_enabled = var.is_protected
}
