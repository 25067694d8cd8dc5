# Acts that are never routine: one is enough to ask why.

locals {
  acts = {
    root-used = {
      why     = "The account's root did something."
      pattern = "{ $.userIdentity.type = \"Root\" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != \"AwsServiceEvent\" }"
    }
    key-going = {
      why     = "A KMS key was disabled or is to be deleted: what it encrypts goes with it."
      pattern = "{ ($.eventSource = \"kms.amazonaws.com\") && (($.eventName = \"DisableKey\") || ($.eventName = \"ScheduleKeyDeletion\")) }"
    }
    trail-changed = {
      why     = "The trail was stopped, changed or deleted."
      pattern = "{ ($.eventName = \"StopLogging\") || ($.eventName = \"DeleteTrail\") || ($.eventName = \"UpdateTrail\") || ($.eventName = \"PutEventSelectors\") }"
    }
    bucket-rules-changed = {
      why     = "A bucket's policy, lifecycle, versioning or lock was changed outside a deployment, or by one."
      pattern = "{ ($.eventSource = \"s3.amazonaws.com\") && (($.eventName = \"PutBucketPolicy\") || ($.eventName = \"DeleteBucketPolicy\") || ($.eventName = \"PutBucketLifecycle*\") || ($.eventName = \"PutBucketVersioning\") || ($.eventName = \"PutObjectLockConfiguration\")) }"
    }
    history-refused = {
      why     = "Somebody was refused at the registry's histories or their heads."
      pattern = "{ ($.errorCode = \"AccessDenied\") && (($.requestParameters.bucketName = \"*-anchor\") || ($.requestParameters.key = \"${var.lake_prefix}_registry/*\")) }"
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "act" {
  for_each = local.acts

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.trail.name
  pattern        = each.value.pattern
  metric_transformation {
    namespace     = "Telematics/${var.name}"
    name          = each.key
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "act" {
  for_each = local.acts

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.why
  namespace           = "Telematics/${var.name}"
  metric_name         = each.key
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
}
