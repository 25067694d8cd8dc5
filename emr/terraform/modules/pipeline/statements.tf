# What a release does, right by right. The first two lists are those of docs/emr-package.md and docs/contract-emr.md.

locals {
  artifacts = var.bucket_arns["artifacts"]
  logs      = var.bucket_arns["logs"]

  # telematics emr deploy
  deploy = [
    { Sid = "Parts", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "${local.artifacts}/telematics/*" },
    { Sid = "LookForParts", Effect = "Allow", Action = "s3:ListBucket", Resource = local.artifacts },
    {
      Sid       = "KeysByS3"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.key_arns["data"], var.key_arns["audit"]]
      Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
    },
  ]

  # telematics emr run
  run = [
    {
      Sid    = "Runs"
      Effect = "Allow"
      Action = [
        "emr-serverless:StartJobRun", "emr-serverless:TagResource", "emr-serverless:ListJobRuns", "emr-serverless:GetJobRun",
        "emr-serverless:CancelJobRun", "emr-serverless:GetDashboardForJobRun",
      ]
      Resource = [var.application_arn, "${var.application_arn}/jobruns/*"]
    },
    {
      Sid       = "RunAsTheNight"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = var.night_role_arn
      Condition = { StringEquals = { "iam:PassedToService" = "emr-serverless.amazonaws.com" } }
    },
    { Sid = "ReadLogs", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.logs}/emr/*" },
    { Sid = "LookForLogs", Effect = "Allow", Action = "s3:ListBucket", Resource = local.logs },
  ]

  # terraform plan and apply of the state machines, which name the release; -refresh=false asks AWS for nothing else
  machines = [
    {
      Sid      = "Machines"
      Effect   = "Allow"
      Action   = ["states:DescribeStateMachine", "states:UpdateStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource"]
      Resource = var.machine_arns
    },
    # it judges a text, and knows no machine
    { Sid = "JudgeDefinitions", Effect = "Allow", Action = "states:ValidateStateMachineDefinition", Resource = "*" },
    {
      Sid       = "MachinesKeepTheirRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = var.machine_role_arns
      Condition = { StringEquals = { "iam:PassedToService" = "states.amazonaws.com" } }
    },
    {
      Sid       = "KeyOfMachines"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      Resource  = var.key_arns["audit"]
      Condition = { StringEquals = { "kms:ViaService" = "states.${var.region}.amazonaws.com" } }
    },
  ]

  # Terraform's state, as bootstrap/ made it; it holds what Terraform was given, secrets among it
  state = [
    {
      Sid      = "State"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "arn:aws:s3:::${var.state.bucket}/${var.state.key}"
    },
    {
      Sid      = "LockState"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      Resource = "arn:aws:s3:::${var.state.bucket}/${var.state.key}.tflock"
    },
    { Sid = "LookForState", Effect = "Allow", Action = "s3:ListBucket", Resource = "arn:aws:s3:::${var.state.bucket}" },
    {
      Sid      = "KeyOfState"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = "arn:aws:kms:${var.region}:${var.account_id}:key/*"
      # another root made it: it is known by its name
      Condition = { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = "alias/${var.state.bucket}-state" } }
    },
  ]

  push = [
    # a login, which names no repository
    { Sid = "Login", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
    {
      Sid    = "Push"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
        # cosign reads what it signs and what it signed
        "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
      ]
      Resource = aws_ecr_repository.job.arn
    },
  ]

  statements = {
    release = concat(local.deploy, local.run, local.machines, local.state)
    images  = local.push
  }
}
