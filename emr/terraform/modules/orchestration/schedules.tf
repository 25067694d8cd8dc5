# When things start. All times are UTC: the night is of a UTC day, and no hour of a year is there twice.

locals {
  schedules = {
    night    = { expression = var.schedules.night, machine = aws_sfn_state_machine.start["night"].arn }
    train    = { expression = var.schedules.train, machine = aws_sfn_state_machine.start["train"].arn }
    deadline = { expression = var.schedules.deadline, machine = aws_sfn_state_machine.watch.arn }
  }
}

resource "aws_scheduler_schedule" "this" {
  for_each = local.schedules

  name                         = "${var.name}-${each.key}"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = "UTC"
  state                        = var.schedules_on[each.key] ? "ENABLED" : "DISABLED"
  kms_key_arn                  = var.key_arn

  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = each.value.machine
    role_arn = aws_iam_role.scheduler.arn
    # what was due, not what time it is when it comes to run: a start that is late is of the same night
    # (written out, for jsonencode would escape the brackets, and the scheduler would not find its own word)
    input = "{\"scheduled\": \"<aws.scheduler.scheduled-time>\"}"
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 10
    }
    dead_letter_config {
      arn = aws_sqs_queue.undelivered.arn
    }
  }
}

# starts that Step Functions did not take within an hour; an alarm looks at it
resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.name}-undelivered"
  kms_master_key_id         = var.key_arn
  message_retention_seconds = 14 * 86400
}

resource "aws_iam_role" "scheduler" {
  name = "${var.name}-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "start"
  role = aws_iam_role.scheduler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "states:StartExecution", Resource = [for s in local.schedules : s.machine] },
      { Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.undelivered.arn },
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.key_arn },
    ]
  })
}
