# Two machines that start EMR and wait, and one that looks whether the night came. They hold no logic of the night: a run is
# the same request as `telematics emr submit` sends, with the same client token, so that whoever comes second starts nothing.

locals {
  machines = {
    night = { template = "nightly", role = "night", what = "the night" }
    train = { template = "train", role = "train", what = "training" }
  }

  # requests/*.json.tftpl are read by Python's tests too, which compare them with emr/request.py
  requests = {
    for machine, m in local.machines : machine => jsondecode(templatefile("${path.module}/../../requests/${m.template}.json.tftpl", {
      for name, value in merge(var.submission, { application_id = var.application.id, execution_role_arn = var.role_arns[m.role] }) :
      name => jsonencode(value)
    }))
  }

  # an execution by hand names date and attempt; one by schedule has the time it was due, a day after the night's date
  which_date = {
    Type = "Pass"
    Assign = {
      date    = "{% $exists($states.input.date) ? $states.input.date : $fromMillis($toMillis($states.input.scheduled) - 86400000, '[Y0001]-[M01]-[D01]') %}"
      attempt = "{% $exists($states.input.attempt) ? $number($states.input.attempt) : 1 %}"
      last    = "{% ($exists($states.input.attempt) ? $number($states.input.attempt) : 1) + ${var.attempts - 1} %}"
      cause   = ""
    }
  }

  # only what EMR did not accept is asked for again, and by the same token; a run that failed is another attempt
  throttled = [{
    ErrorEquals     = ["EMRServerless.ThrottlingException", "EMRServerless.InternalServerException", "EMRServerless.ServiceQuotaExceededException"]
    IntervalSeconds = 30
    BackoffRate     = 2
    MaxAttempts     = 4
    JitterStrategy  = "FULL"
  }]

  ends = {
    night = { Type = "Succeed" }
    # training decides nothing: a person approves and promotes, by `telematics registry`
    train = {
      Type     = "Task"
      Resource = "arn:aws:states:::sns:publish"
      Arguments = {
        TopicArn = var.topics["reviewers"]
        Subject  = "${var.name}: a candidate awaits approval"
        Message  = "{% 'The training as of ' & $date & ' registered a candidate. Nothing scores by it until it is approved and promoted: telematics registry list' %}"
      }
      End = true
    }
  }

  end_names = { night = "NightIsDone", train = "CandidateAwaitsApproval" }
}

resource "aws_sfn_state_machine" "start" {
  # checkov:skip=CKV_AWS_284:a trace of one task that waits for EMR shows nothing that its log does not
  for_each = local.machines

  name     = "${var.name}-${each.key}"
  role_arn = aws_iam_role.machine[each.key].arn

  definition = jsonencode({
    Comment       = "Starts ${each.value.what} on EMR Serverless and waits for its end."
    QueryLanguage = "JSONata"
    StartAt       = "WhichDate"
    States = {
      WhichDate = merge(local.which_date, { Next = "Run" })
      Run = {
        Type      = "Task"
        Resource  = "arn:aws:states:::emr-serverless:startJobRun.sync"
        Arguments = local.requests[each.key]
        # EMR cancels at its own limit; this one is for an answer that never comes, and cancels the run as well
        TimeoutSeconds = (var.submission.timeout_minutes + 15) * 60
        Retry          = local.throttled
        Catch = [{
          ErrorEquals = ["States.ALL"]
          Assign = {
            attempt = "{% $attempt + 1 %}"
            cause   = "{% $states.errorOutput.Error & ': ' & $substring($states.errorOutput.Cause, 0, 1000) %}"
          }
          Next = "OnceMore"
        }]
        Next = local.end_names[each.key]
      }
      OnceMore = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $attempt <= $last %}", Next = "Run" }]
        Default = "CallSomebody"
      }
      CallSomebody = {
        Type     = "Task"
        Resource = "arn:aws:states:::sns:publish"
        Arguments = {
          TopicArn = var.topics["alerts"]
          Subject  = "${var.name}: ${each.value.what} failed"
          Message  = "{% '${var.name}: ${each.value.what} of ' & $date & ' failed in each attempt. ' & $cause %}"
        }
        Next = "Failed"
      }
      Failed                      = { Type = "Fail", Error = "EveryAttemptFailed", Cause = "{% $cause %}" }
      (local.end_names[each.key]) = local.ends[each.key]
    }
  })

  encryption_configuration {
    type                              = "CUSTOMER_MANAGED_KMS_KEY"
    kms_key_id                        = var.key_arn
    kms_data_key_reuse_period_seconds = 900
  }
  logging_configuration {
    level                  = "ALL"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.machines.arn}:*"
  }
}

resource "aws_cloudwatch_log_group" "machines" {
  name              = "/telematics/${var.name}/machines"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}
