# The lists of main.tf as IAM statements.

locals {
  common = [
    {
      Sid      = "OurCode"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "${var.bucket_arns["artifacts"]}/*"
    },
    {
      Sid      = "OwnLogs"
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:GetObject"]
      Resource = "${var.bucket_arns["logs"]}/${var.log_prefix}*"
    },
    {
      Sid      = "LookForLogs"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = [var.bucket_arns["logs"], var.bucket_arns["artifacts"]]
    },
    {
      Sid      = "ListTheLake"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = var.bucket_arns["lake"]
      # names of files are no secret, what they hold is; Delta and the lease list by prefix
      Condition = { StringLike = { "s3:prefix" = [trimsuffix(var.lake_prefix, "/"), "${var.lake_prefix}*"] } }
    },
    {
      Sid    = "CommitByTheLogStore"
      Effect = "Allow"
      Action = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
      # never CreateTable: the log store would make a missing one by itself, without encryption or backup
      Resource = var.delta_log_table_arn
    },
    {
      Sid    = "SparkLooksForDefault"
      Effect = "Allow"
      Action = "glue:GetDatabase"
      Resource = [
        "arn:aws:glue:${var.region}:${var.account_id}:catalog",
        "arn:aws:glue:${var.region}:${var.account_id}:database/default",
      ]
    },
    {
      Sid       = "KeysByS3AndDynamoDB"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.key_arns["data"], var.key_arns["audit"]]
      Condition = { StringEquals = { "kms:ViaService" = [for s in ["s3", "dynamodb"] : "${s}.${var.region}.amazonaws.com"] } }
    },
  ]

  telling = [
    { Sid = "TellAlerts", Effect = "Allow", Action = "sns:Publish", Resource = var.alerts_topic_arn },
    {
      Sid       = "KeyOfAlerts"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = var.key_arns["audit"]
      Condition = { StringEquals = { "kms:ViaService" = "sns.${var.region}.amazonaws.com" } }
    },
  ]

  statements = {
    for start, what in local.starts : start => concat(
      local.common,
      [
        {
          Sid      = "Read"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = [for p in what.reads : "${local.lake}${p}"]
        },
        {
          Sid      = "Write"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
          Resource = [for p in what.writes : "${local.lake}${p}"]
        },
      ],
      # an entry of a history is added, never taken away
      length(what.creates) == 0 ? [] : [{
        Sid      = "AddToHistory"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [for p in what.creates : "${local.lake}${p}"]
      }],
      !what.landing ? [] : [
        { Sid = "ReadLanding", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.bucket_arns["landing"]}/*"] },
        { Sid = "ListLanding", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.bucket_arns["landing"]] },
      ],
      [for statement in local.telling : statement if what.tells],
      length(what.anchor) == 0 ? [] : [
        { Sid = "Heads", Effect = "Allow", Action = what.anchor, Resource = ["${var.bucket_arns["anchor"]}/*"] },
        { Sid = "ListHeads", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.bucket_arns["anchor"]] },
        {
          Sid      = "KeyOfHeads", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = [var.key_arns["models"]]
        },
      ],
    )
  }
}
