# A bucket as every bucket here is: private, versioned, encrypted by its own key, over TLS only.

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_145:KMS by default below; only buckets that AWS delivers access logs to have SSE-S3, as AWS asks
  bucket              = var.name
  object_lock_enabled = var.object_lock != null
  force_destroy       = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    # one call to KMS per bucket and while, not one per object: small files would cost more in KMS than in storage
    bucket_key_enabled = var.has_kms
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.has_kms ? "aws:kms" : "AES256"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  count = var.access_log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.access_log_bucket
  target_prefix = "s3/${var.name}/"
}

resource "aws_s3_bucket_notification" "this" {
  bucket = aws_s3_bucket.this.id
  # costs nothing while no rule listens, and lets one listen without touching the bucket
  eventbridge = true
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count = var.object_lock == null ? 0 : 1

  bucket = aws_s3_bucket.this.id
  rule {
    default_retention {
      mode = var.object_lock.mode
      days = var.object_lock.days
    }
  }
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_replication_configuration" "this" {
  count = var.replication == null ? 0 : 1

  bucket = aws_s3_bucket.this.id
  role   = var.replication.role_arn

  dynamic "rule" {
    for_each = var.replication.prefixes
    content {
      id       = rule.value == "" ? "all" : trimsuffix(replace(rule.value, "/", "-"), "-")
      priority = rule.key + 1
      status   = "Enabled"
      filter {
        prefix = rule.value
      }
      # what is erased here is erased there
      delete_marker_replication {
        status = "Enabled"
      }
      source_selection_criteria {
        sse_kms_encrypted_objects {
          status = "Enabled"
        }
      }
      destination {
        bucket        = var.replication.bucket_arn
        storage_class = "STANDARD_IA"
        # what an hour's loss at most rests on (docs/runbooks/restore.md), and what tells how far behind the copy is
        replication_time {
          status = "Enabled"
          time {
            minutes = 15
          }
        }
        metrics {
          status = "Enabled"
          event_threshold {
            minutes = 15
          }
        }
        encryption_configuration {
          replica_kms_key_id = var.replication.replica_key_arn
        }
      }
    }
  }
  depends_on = [aws_s3_bucket_versioning.this]
}
