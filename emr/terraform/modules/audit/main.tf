# Who did what in the account, and who read and wrote which object. A trail costs by the event, so reads are recorded where
# a read means something: positions, raw files, models, and the registry's histories. A night reads gold a million times over.

locals {
  lake = "${var.data_arns["lake"]}/${var.lake_prefix}"

  # what -> prefixes of ARNs, and whether writes alone
  watched = {
    reads-and-writes = {
      prefixes = concat(
        [for what in ["landing", "models", "anchor"] : "${var.data_arns[what]}/"],
        [for table in ["bronze/quarantine/", "reference/fairness_groups/", "_registry/"] : "${local.lake}${table}"],
      )
      only_writes = false
    }
    writes = {
      prefixes    = ["${var.data_arns["lake"]}/"]
      only_writes = true
    }
  }
}

resource "aws_cloudtrail" "this" {
  # checkov:skip=CKV_AWS_252:files of the trail are read from the bucket and from CloudWatch; nobody waits for one
  name                          = var.name
  s3_bucket_name                = var.trail_bucket
  kms_key_id                    = var.key_arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true
  cloud_watch_logs_group_arn    = "${aws_cloudwatch_log_group.trail.arn}:*"
  cloud_watch_logs_role_arn     = aws_iam_role.trail.arn

  advanced_event_selector {
    name = "management"
    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }
  dynamic "advanced_event_selector" {
    for_each = local.watched
    content {
      name = advanced_event_selector.key
      field_selector {
        field  = "eventCategory"
        equals = ["Data"]
      }
      field_selector {
        field  = "resources.type"
        equals = ["AWS::S3::Object"]
      }
      field_selector {
        field       = "resources.ARN"
        starts_with = advanced_event_selector.value.prefixes
      }
      dynamic "field_selector" {
        for_each = advanced_event_selector.value.only_writes ? [1] : []
        content {
          field  = "readOnly"
          equals = ["false"]
        }
      }
    }
  }
}

resource "aws_cloudwatch_log_group" "trail" {
  name              = "/telematics/${var.name}/trail"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_iam_role" "trail" {
  name = "${var.name}-trail"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "trail" {
  name = "write"
  role = aws_iam_role.trail.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.trail.arn}:*"
    }]
  })
}
