# RDS changes the database's password by itself, every week. A task reads it once, when it starts; so when it has changed,
# MLflow's tasks are replaced, one after the other.

locals {
  restart = {
    Comment       = "Replaces MLflow's tasks after the database's password has changed."
    QueryLanguage = "JSONata"
    StartAt       = "Replace"
    States = {
      Replace = {
        Type      = "Task"
        Resource  = "arn:aws:states:::aws-sdk:ecs:updateService"
        Arguments = { Cluster = aws_ecs_cluster.this.name, Service = "mlflow", ForceNewDeployment = true }
        Retry     = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 60, BackoffRate = 2, MaxAttempts = 3 }]
        End       = true
      }
    }
  }
}

resource "aws_cloudwatch_event_rule" "rotated" {
  name        = "${var.name}-password-rotated"
  description = "the database's password has changed"
  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["AWS Service Event via CloudTrail"]
    detail      = { eventName = ["RotationSucceeded"], additionalEventData = { SecretId = [var.database.secret_arn] } }
  })
}

resource "aws_cloudwatch_event_target" "rotated" {
  rule     = aws_cloudwatch_event_rule.rotated.name
  arn      = aws_sfn_state_machine.restart.arn
  role_arn = aws_iam_role.restart["events.amazonaws.com"].arn
}

resource "aws_sfn_state_machine" "restart" {
  # checkov:skip=CKV_AWS_284:it makes one call, and there is nothing to trace
  # checkov:skip=CKV_AWS_285:it makes one call, which the trail has
  name       = "${var.name}-restart-mlflow"
  role_arn   = aws_iam_role.restart["states.amazonaws.com"].arn
  definition = jsonencode(local.restart)
}

locals {
  restart_statements = {
    "states.amazonaws.com" = {
      Effect   = "Allow"
      Action   = "ecs:UpdateService"
      Resource = "arn:aws:ecs:${var.region}:${var.account_id}:service/${var.name}/mlflow"
    }
    "events.amazonaws.com" = {
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = "arn:aws:states:${var.region}:${var.account_id}:stateMachine:${var.name}-restart-mlflow"
    }
  }
}

resource "aws_iam_role" "restart" {
  for_each = local.restart_statements

  name = "${var.name}-restart-${split(".", each.key)[0]}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = each.key }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "restart" {
  for_each = local.restart_statements

  name   = "one-call"
  role   = aws_iam_role.restart[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = [each.value] })
}
