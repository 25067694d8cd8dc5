# The machines: what they send, what follows a failure, when they start.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "telematics-test"
  account_id  = "123456789012"
  region      = "us-east-1"
  application = { id = "00app", arn = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/00app" }
  role_arns   = { night = "arn:aws:iam::123456789012:role/telematics-test-night", train = "arn:aws:iam::123456789012:role/telematics-test-train" }
  submission = {
    conf_name               = "staging"
    entry_point             = "s3://artifacts/telematics/entry.py"
    log_uri                 = "s3://logs/emr/"
    timeout_minutes         = 60
    spark_submit_parameters = { night = "--conf spark.a=1 --conf 'spark.b=x#y \"z\"'", train = "--conf spark.a=2" }
  }
  schedules    = { night = "cron(0 1 * * ? *)", deadline = "cron(0 6 * * ? *)", train = "cron(0 9 ? * SUN *)" }
  schedules_on = { night = true, deadline = true, train = false }
  topics       = { alerts = "arn:aws:sns:us-east-1:123456789012:alerts", reviewers = "arn:aws:sns:us-east-1:123456789012:reviewers" }
  key_arn      = "arn:aws:kms:us-east-1:123456789012:key/audit"
  log_days     = 400
}

run "machines" {
  command = plan
  module {
    source = "./modules/orchestration"
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.start["night"].definition).States.Run.Resource == "arn:aws:states:::emr-serverless:startJobRun.sync"
    error_message = "The machine does not wait for the run."
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.start["night"].definition).States.Run.Arguments.JobDriver.SparkSubmit.SparkSubmitParameters == var.submission.spark_submit_parameters["night"]
    error_message = "Quotes did not survive: ${aws_sfn_state_machine.start["night"].definition}"
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.start["night"].definition).States.Run.Arguments.ClientToken == "{% 'nightly-' & $date & '-1' %}"
    error_message = "The client token is not that of `telematics emr submit`."
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.start["train"].definition).States.Run.Arguments.ExecutionRoleArn == var.role_arns["train"]
    error_message = "A training runs with another role than its own."
  }
  # one second above what EMR itself waits would do; a quarter of an hour is for its start
  assert {
    condition     = jsondecode(aws_sfn_state_machine.start["night"].definition).States.Run.TimeoutSeconds == 75 * 60
    error_message = "The machine gives up before EMR does."
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.start["train"].definition).States.Run.Next == "CandidateAwaitsApproval"
    error_message = "A training ends otherwise than in a candidate that awaits approval."
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.start["train"].definition).States.CandidateAwaitsApproval.Arguments.TopicArn == var.topics["reviewers"]
    error_message = "Reviewers are not told."
  }
  assert {
    condition     = alltrue([for m in aws_sfn_state_machine.start : jsondecode(m.definition).States.CallSomebody.Arguments.TopicArn == var.topics["alerts"]])
    error_message = "A failure calls nobody."
  }
  assert {
    condition     = alltrue([for m in aws_sfn_state_machine.start : jsondecode(m.definition).States.IsNobodyAtIt.Default == "CallSomebody"])
    error_message = "A machine starts a run beside another."
  }
  assert {
    condition = alltrue([
      for m in aws_sfn_state_machine.start : alltrue([for c in jsondecode(m.definition).States.Run.Catch : c.Next == "CallSomebody"])
    ])
    error_message = "A run that failed, was cancelled or met a conflict is started again."
  }
  assert {
    condition = alltrue([
      for m in aws_sfn_state_machine.start :
      contains([for c in jsondecode(m.definition).States.IsNobodyAtIt.Choices : c.Next if c.Condition == "{% $count($done) > 0 %}"], "WasDone")
    ])
    error_message = "A machine that finds its work done calls somebody."
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.watch.definition).States.IsItThere.Choices[1].Next == "Look"
    error_message = "The watch reads one page of runs."
  }
  # every state that is named is there
  assert {
    condition = alltrue(flatten([
      for m in concat(values(aws_sfn_state_machine.start), [aws_sfn_state_machine.watch]) : [
        for s in values(jsondecode(m.definition).States) : contains(keys(jsondecode(m.definition).States), s.Next) if can(s.Next)
      ]
    ]))
    error_message = "A machine goes to a state that it does not have."
  }
}

run "a_machine_may_look_before_it_starts" {
  command = plan
  module {
    source = "./modules/orchestration"
  }

  assert {
    condition     = alltrue([for machine in ["night", "train"] : strcontains(aws_iam_role_policy.machine[machine].policy, "emr-serverless:ListJobRuns")])
    error_message = "A machine cannot see who is at it."
  }
}

run "schedules" {
  command = plan
  module {
    source = "./modules/orchestration"
  }

  assert {
    condition     = alltrue([for s in aws_scheduler_schedule.this : s.schedule_expression_timezone == "UTC"])
    error_message = "A schedule in a time zone runs a night twice in autumn."
  }
  assert {
    condition     = { for name, s in aws_scheduler_schedule.this : name => s.state } == { night = "ENABLED", deadline = "ENABLED", train = "DISABLED" }
    error_message = "A schedule does not stand as it was said of it."
  }
  # jsonencode would write \u003c, which the scheduler does not read
  assert {
    condition     = alltrue([for s in aws_scheduler_schedule.this : s.target[0].input == "{\"scheduled\": \"<aws.scheduler.scheduled-time>\"}"])
    error_message = "A start that is late would be of another night."
  }
}

run "a_machine_starts_its_own_role_and_no_other" {
  command = plan
  module {
    source = "./modules/orchestration"
  }

  assert {
    condition = alltrue([
      for machine in ["night", "train"] : [
        for s in jsondecode(aws_iam_role_policy.machine[machine].policy).Statement : s.Resource if contains(flatten([s.Action]), "iam:PassRole")
      ] == [var.role_arns[machine]]
    ])
    error_message = "A machine may pass a role that is not its own."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.machine["watch"].policy, "StartJobRun")
    error_message = "The watch looks, and starts nothing."
  }
}
