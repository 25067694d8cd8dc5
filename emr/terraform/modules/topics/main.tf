# Two kinds of news: what wakes somebody, and what a reviewer reads when the day begins.

locals {
  topics = toset(["alerts", "reviewers"])
}

resource "aws_sns_topic" "this" {
  for_each = local.topics

  name              = "${var.name}-${each.key}"
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_policy" "this" {
  for_each = local.topics

  arn = aws_sns_topic.this[each.key].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([for topic in ["alerts"] : {
      # EventBridge delivers nothing to a topic whose statement for it has a Condition (AWS says so), and nobody would hear it
      Sid       = "EventsAreToldUnconditionally"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this[each.key].arn
      } if topic == each.key], [
      {
        Sid       = "ServicesOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
      {
        Sid       = "RefusePlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.this[each.key].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ])
  })
}

# PagerDuty takes SNS's own messages at an address that is a secret in itself
resource "aws_sns_topic_subscription" "pagerduty" {
  count = var.has_pagerduty ? 1 : 0

  topic_arn              = aws_sns_topic.this["alerts"].arn
  protocol               = "https"
  endpoint               = var.pagerduty_endpoint
  endpoint_auto_confirms = true
}

resource "aws_sns_topic_subscription" "reviewers" {
  for_each = toset(var.reviewer_emails)

  topic_arn = aws_sns_topic.this["reviewers"].arn
  protocol  = "email"
  endpoint  = each.key
}
