# Current objects move or go only by the caller's rules. What was overwritten or deleted goes after noncurrent_days in
# every bucket: versions that stay for ever would undo each VACUUM and each erasure.

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # checkov:skip=CKV_AWS_300:the first rule ends unfinished uploads of the whole bucket; beside dynamic rules it is not seen
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "what-is-no-longer-current"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = var.rules
    content {
      id     = rule.value.id
      status = "Enabled"
      filter {
        prefix = rule.value.prefix
      }

      dynamic "transition" {
        for_each = rule.value.tiers
        content {
          days          = transition.value.days
          storage_class = transition.value.class
        }
      }
      dynamic "expiration" {
        for_each = rule.value.expire_days[*]
        content {
          days = expiration.value
        }
      }
    }
  }
  depends_on = [aws_s3_bucket_versioning.this]
}
