# Alarms on numbers that AWS measures by itself: none needs the night to run in order to say that it did not.

locals {
  alarms = {
    # a night that is late or absent the watch tells at the deadline; this is for schedules, or the watch itself, that are gone.
    # A day and a quarter: two executions may end a little more than 24 hours apart
    watch-absent = {
      why        = "Nobody has looked for a night since 30 hours. Runbook: telematics emr status, then the schedule and executions of the watch."
      namespace  = "AWS/States", metric = "ExecutionsSucceeded", statistic = "Sum", period = 3600, periods = 30
      operator   = "LessThanThreshold", threshold = 1, missing = "breaching"
      dimensions = { StateMachineArn = var.machines["watch"] }
      is_on      = var.are_nights_watched
    }
    start-undelivered = {
      why        = "The scheduler could not start a machine within an hour."
      namespace  = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", period = 300, periods = 1
      operator   = "GreaterThanThreshold", threshold = 0, missing = "notBreaching"
      dimensions = { QueueName = var.undelivered_queue }
      is_on      = true
    }
    # the bill of a run that hangs shows in a day's cost; its workers show within hours
    workers-never-leave = {
      why        = "Workers of EMR Serverless have been busy for ${var.longest_hours} hours without a pause: a run may hang, and costs."
      namespace  = "AWS/EMRServerless", metric = "CPUAllocated", statistic = "Minimum", period = 3600, periods = var.longest_hours
      operator   = "GreaterThanThreshold", threshold = 0, missing = "notBreaching"
      dimensions = { ApplicationId = var.application_id }
      is_on      = true
    }
    commits-throttled = {
      why        = "DynamoDB refuses Delta's commits. On demand it grows by itself; a loop of writers outgrows it."
      namespace  = "AWS/DynamoDB", metric = "ThrottledRequests", statistic = "Sum", period = 300, periods = 3
      operator   = "GreaterThanThreshold", threshold = 0, missing = "notBreaching"
      dimensions = { TableName = var.delta_log_table }
      is_on      = true
    }
    database-full = {
      why        = "MLflow's database has less than 5 GB left: storage grows by itself, and has come to its limit."
      namespace  = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum", period = 300, periods = 3
      operator   = "LessThanThreshold", threshold = 5 * pow(1024, 3), missing = "missing"
      dimensions = { DBInstanceIdentifier = var.database_id }
      is_on      = true
    }
    database-busy = {
      why        = "MLflow's database has been above 80 percent CPU for half an hour."
      namespace  = "AWS/RDS", metric = "CPUUtilization", statistic = "Average", period = 300, periods = 6
      operator   = "GreaterThanThreshold", threshold = 80, missing = "missing"
      dimensions = { DBInstanceIdentifier = var.database_id }
      is_on      = true
    }
    balancer-errors = {
      why        = "MLflow or the pages answer with errors."
      namespace  = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum", period = 300, periods = 3
      operator   = "GreaterThanThreshold", threshold = 10, missing = "notBreaching"
      dimensions = { LoadBalancer = var.balancer.suffix }
      is_on      = true
    }
  }

  # a night scores by the last champion it saw while MLflow is away; training and approvals do not
  services = {
    for service, suffix in var.balancer.targets : "${service}-down" => {
      why        = "No task of ${service} is healthy."
      namespace  = "AWS/ApplicationELB", metric = "HealthyHostCount", statistic = "Minimum", period = 60, periods = 5
      operator   = "LessThanThreshold", threshold = 1, missing = "breaching"
      dimensions = { LoadBalancer = var.balancer.suffix, TargetGroup = suffix }
      is_on      = true
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(local.alarms, local.services)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.why
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  actions_enabled     = each.value.is_on
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}
