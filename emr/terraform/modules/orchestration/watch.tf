# A night that nobody started fails nowhere. At the deadline this machine asks EMR whether a run of the night ended well,
# whoever started it, and calls somebody where none did.

locals {
  # of a run: whether it is of the night, or of nights from one date to another with it among them
  of_the_night = join("", [
    "$contains(Name, 'telematics nightly ' & $date & ' attempt ') or $contains(Name, 'telematics backfill ') and ",
    "$substring(Name, 20, 10) <= $date and $substring(Name, 34, 10) >= $date",
  ])

  watch = {
    Comment       = "Calls somebody where the night is late or absent."
    QueryLanguage = "JSONata"
    StartAt       = "WhichDate"
    States = {
      WhichDate = merge(local.which_date, {
        Assign = merge(local.which_date.Assign, {
          since = "{% $fromMillis($toMillis($states.input.scheduled) - 86400000) %}"
          next  = ""
          found = []
        })
        Next = "Look"
      })
      Look = {
        Type     = "Task"
        Resource = "arn:aws:states:::aws-sdk:emrserverless:listJobRuns"
        Arguments = join("", [
          "{% $merge([{'ApplicationId': '${var.application.id}', 'MaxResults': 50, 'CreatedAtAfter': $since}, ",
          "$next = '' ? {} : {'NextToken': $next}]) %}",
        ])
        Assign = {
          next  = "{% $exists($states.result.NextToken) ? $states.result.NextToken : '' %}"
          found = "{% $append($found, $states.result.JobRuns[${local.of_the_night}].State) %}"
        }
        Retry = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 60, BackoffRate = 2, MaxAttempts = 3 }]
        Next  = "IsItThere"
      }
      IsItThere = {
        Type = "Choice"
        Choices = [
          { Condition = "{% 'SUCCESS' in $found %}", Next = "InTime" },
          { Condition = "{% $next != '' %}", Next = "Look" },
        ]
        Default = "CallSomebody"
      }
      CallSomebody = {
        Type     = "Task"
        Resource = "arn:aws:states:::sns:publish"
        Arguments = {
          TopicArn = var.topics["alerts"]
          Subject  = "${var.name}: the night is late"
          Message  = "{% '${var.name}: no run of the night ' & $date & ' has ended well by the deadline. ' & ($count($found) = 0 ? 'None was started.' : 'Runs: ' & $join($found, ', ')) %}"
        }
        End = true
      }
      InTime = { Type = "Succeed" }
    }
  }
}

resource "aws_sfn_state_machine" "watch" {
  # checkov:skip=CKV_AWS_284:one call and an answer, both in its log
  name       = "${var.name}-watch"
  role_arn   = aws_iam_role.machine["watch"].arn
  definition = jsonencode(local.watch)

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
