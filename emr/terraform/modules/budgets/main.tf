# A budget per line of the plan, one over all, and a watch on what no line foresaw.

locals {
  # services as Cost Explorer names them; each belongs to one line
  services = {
    compute = [
      "Amazon Elastic Compute Cloud - Compute", "Amazon Elastic Container Service", "Amazon Relational Database Service",
      "EC2 - Other", "Amazon EC2 Container Registry (ECR)",
    ]
    storage = ["Amazon Simple Storage Service", "Amazon DynamoDB", "AWS Glue", "Amazon Athena"]
    emr     = ["Amazon Elastic MapReduce"]
    monitoring = [
      "AmazonCloudWatch", "AWS CloudTrail", "AWS Key Management Service", "AWS Secrets Manager",
      "Amazon Simple Notification Service", "Amazon Simple Queue Service", "AWS Step Functions", "CloudWatch Events", "AWS WAF",
    ]
    transfer = ["AWS Data Transfer", "Amazon Virtual Private Cloud", "Amazon Elastic Load Balancing", "Amazon Route 53"]
  }

  total = sum(values(var.limits))

  budgets = merge(
    { for line, limit in var.limits : line => { limit = limit, services = local.services[line] } },
    { total = { limit = local.total, services = [] } },
  )

  # four fifths spent is news; all of it to be spent by the end of the month, while there is time, is an alert
  notifications = [
    { type = "ACTUAL", percent = 80 },
    { type = "ACTUAL", percent = 100 },
    { type = "FORECASTED", percent = 100 },
  ]
}

resource "aws_budgets_budget" "this" {
  for_each = local.budgets

  name         = "${var.name}-${each.key}"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_unit   = "USD"
  limit_amount = format("%.1f", each.value.limit)

  dynamic "cost_filter" {
    for_each = length(each.value.services) == 0 ? [] : [each.value.services]
    content {
      name   = "Service"
      values = cost_filter.value
    }
  }
  dynamic "notification" {
    for_each = local.notifications
    content {
      comparison_operator       = "GREATER_THAN"
      notification_type         = notification.value.type
      threshold                 = notification.value.percent
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [var.topic_arn]
    }
  }
}

resource "aws_ce_anomaly_monitor" "services" {
  name              = "${var.name}-services"
  monitor_type      = "DIMENSIONAL"
  monitor_dimension = "SERVICE"
}

resource "aws_ce_anomaly_subscription" "services" {
  name             = "${var.name}-services"
  frequency        = "IMMEDIATE"
  monitor_arn_list = [aws_ce_anomaly_monitor.services.arn]

  subscriber {
    type    = "SNS"
    address = var.topic_arn
  }
  # a hundredth of the month in one surprise
  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [format("%.0f", max(1, local.total / 100))]
    }
  }
}
