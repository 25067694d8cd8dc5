# Failures as AWS announces them, whoever started what failed: by schedule, by `telematics emr submit` or by hand.

locals {
  failures = {
    run = {
      why = "a run on EMR Serverless failed or was cancelled"
      pattern = {
        source      = ["aws.emr-serverless"]
        detail-type = ["EMR Serverless Job Run State Change"]
        detail      = { applicationId = [var.application_id], state = ["FAILED", "CANCELLED"] }
      }
      paths = { run = "$.detail.jobRunId", state = "$.detail.state" }
      text  = "\"${var.name}: run <run> on EMR Serverless is <state>: telematics emr logs <run>\""
    }
    machine = {
      why = "a state machine failed, was stopped or took too long"
      pattern = {
        source      = ["aws.states"]
        detail-type = ["Step Functions Execution Status Change"]
        detail      = { stateMachineArn = values(var.machines), status = ["FAILED", "TIMED_OUT", "ABORTED"] }
      }
      paths = { machine = "$.detail.name", state = "$.detail.status" }
      text  = "\"${var.name}: execution <machine> is <state>\""
    }
    database = {
      why = "MLflow's database failed over, ran out of storage or could not be backed up"
      pattern = {
        source      = ["aws.rds"]
        detail-type = ["RDS DB Instance Event"]
        detail      = { SourceIdentifier = [var.database_id], EventCategories = ["failover", "failure", "low storage"] }
      }
      paths = { what = "$.detail.Message", database = "$.detail.SourceIdentifier" }
      text  = "\"${var.name}: <database>: <what>\""
    }
  }
}

resource "aws_cloudwatch_event_rule" "failure" {
  for_each = local.failures

  name          = "${var.name}-${each.key}-failed"
  description   = each.value.why
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "failure" {
  for_each = local.failures

  rule = aws_cloudwatch_event_rule.failure[each.key].name
  arn  = var.topic_arn
  input_transformer {
    input_paths    = each.value.paths
    input_template = each.value.text
  }
}
