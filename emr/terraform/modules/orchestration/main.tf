# Two machines that start EMR and wait, and one that looks whether the night came. They hold no logic of the night: a run is
# the same request as `telematics emr submit` sends, with the same client token, so that whoever comes second starts nothing.
# They start the first attempt and no other: what may pass is tried again inside the run, and another attempt is a person's.

locals {
  machines = {
    night = { template = "nightly", role = "night", what = "the night" }
    train = { template = "train", role = "train", what = "training" }
  }

  # requests/*.json.tftpl are read by Python's tests too, which compare them with emr/request.py
  requests = {
    for machine, m in local.machines : machine => jsondecode(templatefile("${path.module}/../../requests/${m.template}.json.tftpl", {
      for name, value in merge(var.submission, {
        application_id          = var.application.id, execution_role_arn = var.role_arns[m.role],
        spark_submit_parameters = var.submission.spark_submit_parameters[m.role]
      }) :
      name => jsonencode(value)
    }))
  }

  # an execution by hand names a date; one by schedule has the time it was due, a day after the night's date
  which_date = {
    Type = "Pass"
    Assign = {
      date = "{% $exists($states.input.date) ? $states.input.date : $fromMillis($toMillis($states.input.scheduled) - 86400000, '[Y0001]-[M01]-[D01]') %}"
    }
  }

  # only what EMR did not accept is asked for again, and by the same token
  throttled = [{
    ErrorEquals     = ["EMRServerless.ThrottlingException", "EMRServerless.InternalServerException", "EMRServerless.ServiceQuotaExceededException"]
    IntervalSeconds = 30
    BackoffRate     = 2
    MaxAttempts     = 4
    JitterStrategy  = "FULL"
  }]

  # as `telematics emr submit` does before it sends: names are there when EMR has forgotten a token. What stops a machine is
  # any run of its date that has not succeeded, but for its own under way, to which the token attaches
  look = {
    for machine, m in local.machines : machine => {
      Type     = "Task"
      Resource = "arn:aws:states:::aws-sdk:emrserverless:listJobRuns"
      Arguments = join("", [
        "{% $merge([{'ApplicationId': '${var.application.id}', 'MaxResults': 50, 'CreatedAtAfter': $fromMillis($toMillis($date) - 86400000)}, ",
        "$next = '' ? {} : {'NextToken': $next}]) %}",
      ])
      Assign = {
        next = "{% $exists($states.result.NextToken) ? $states.result.NextToken : '' %}"
        done = "{% $append($done, $states.result.JobRuns[$contains(Name, 'telematics ${m.template} ' & $date & ' attempt ') and State = 'SUCCESS'].Name) %}"
        others = join("", [
          "{% $append($others, $states.result.JobRuns[$contains(Name, 'telematics ${m.template} ' & $date & ' attempt ') and State != 'SUCCESS' ",
          "and $not(Name = 'telematics ${m.template} ' & $date & ' attempt 1' and $not(State in ['FAILED', 'CANCELLED']))].(Name & ': ' & State)) %}",
        ])
      }
      Retry = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 30, BackoffRate = 2, MaxAttempts = 3 }]
      Catch = [{
        ErrorEquals = ["States.ALL"]
        Assign      = { cause = "{% 'Whether a run is there is not known, so none was started. ' & ${local.error} %}" }
        Next        = "CallSomebody"
      }]
      Next = "IsNobodyAtIt"
    }
  }

  error = "$states.errorOutput.Error & ': ' & $substring($states.errorOutput.Cause, 0, 1000)"

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
      WhichDate = merge(local.which_date, { Assign = merge(local.which_date.Assign, { next = "", done = [], others = [] }), Next = "Look" })
      Look      = local.look[each.key]
      IsNobodyAtIt = {
        Type = "Choice"
        Choices = [
          { Condition = "{% $next != '' %}", Next = "Look" },
          # a person's second attempt may have done it before the machine looks
          { Condition = "{% $count($done) > 0 %}", Next = "WasDone" },
          { Condition = "{% $count($others) = 0 %}", Next = "Run" },
        ]
        Assign  = { cause = "{% 'Another run is there, so none was started. ' & $join($others, ', ') %}" }
        Default = "CallSomebody"
      }
      Run = {
        Type      = "Task"
        Resource  = "arn:aws:states:::emr-serverless:startJobRun.sync"
        Arguments = local.requests[each.key]
        # EMR cancels at its own limit; this one is for an answer that never comes, and cancels the run as well
        TimeoutSeconds = (var.submission.timeout_minutes + 15) * 60
        Retry          = local.throttled
        Catch = [
          {
            ErrorEquals = ["EMRServerless.ConflictException"]
            Assign      = { cause = "{% 'A run with this token and another request is there, so none was started. ' & ${local.error} %}" }
            Next        = "CallSomebody"
          },
          {
            # failed, cancelled by somebody, or at a time limit: none of these is started again
            ErrorEquals = ["States.ALL"]
            Assign      = { cause = "{% ${local.error} %}" }
            Next        = "CallSomebody"
          },
        ]
        Next = local.end_names[each.key]
      }
      CallSomebody = {
        Type     = "Task"
        Resource = "arn:aws:states:::sns:publish"
        Arguments = {
          TopicArn = var.topics["alerts"]
          Subject  = "${var.name}: ${each.value.what} is not done"
          Message  = "{% '${var.name}: ${each.value.what} of ' & $date & ' is not done, and nothing starts it again by itself. ' & $cause %}"
        }
        Next = "Failed"
      }
      Failed                      = { Type = "Fail", Error = "NotDone", Cause = "{% $cause %}" }
      WasDone                     = { Type = "Succeed" }
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
