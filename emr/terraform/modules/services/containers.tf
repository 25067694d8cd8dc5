# What runs in a task. Root file systems are read-only; what must be written goes to a volume that dies with the task.

locals {
  repository = { for name, repo in aws_ecr_repository.this : name => repo.repository_url }
  image      = { for name, tag in var.images : name => "${local.repository[name]}:${tag}" }

  logs = {
    for service in ["mlflow", "pages"] : service => {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this[service].name
        awslogs-region        = var.region
        awslogs-stream-prefix = service
      }
    }
  }

  tmp = { sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }

  containers = {
    mlflow = [{
      name      = "mlflow"
      image     = local.image["mlflow"]
      essential = true
      command = [
        "mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "2",
        # host, user and password come by PostgreSQL's own variables: a password needs no quoting there
        "--backend-store-uri", "postgresql:///mlflow",
        # clients send artefacts to the server, so that jobs and people need no right on the bucket
        "--artifacts-destination", "s3://${var.models_bucket}/mlflow",
        "--allowed-hosts", "${var.hosts["mlflow"]},${var.hosts["mlflow"]}:5000",
        "--cors-allowed-origins", "https://${var.hosts["mlflow"]}",
      ]
      environment = [
        { name = "HOME", value = "/tmp" },
        { name = "PGHOST", value = var.database.address },
        { name = "PGSSLMODE", value = "verify-full" },
        { name = "PGSSLROOTCERT", value = "/etc/ssl/rds.pem" },
      ]
      secrets = [
        { name = "PGUSER", valueFrom = "${var.database.secret_arn}:username::" },
        { name = "PGPASSWORD", valueFrom = "${var.database.secret_arn}:password::" },
      ]
      portMappings           = [{ containerPort = 5000, protocol = "tcp" }]
      readonlyRootFilesystem = true
      mountPoints            = [local.tmp]
      logConfiguration       = local.logs["mlflow"]
    }]

    # two small containers that share a folder: one brings the lake's pages, one shows them
    pages = [
      {
        name      = "sync"
        image     = local.image["aws-cli"]
        essential = true
        # a night's page is there a minute after the night wrote it; a failed round is tried again, and is in the log
        entryPoint = ["/bin/sh", "-c"]
        command = [
          "while true; do aws s3 sync --delete --only-show-errors s3://${var.lake_bucket}/${var.reports_prefix} /pages; sleep 60; done",
        ]
        environment            = [{ name = "HOME", value = "/tmp" }]
        readonlyRootFilesystem = true
        mountPoints            = [local.tmp, { sourceVolume = "pages", containerPath = "/pages", readOnly = false }]
        logConfiguration       = local.logs["pages"]
      },
      {
        name                   = "nginx"
        image                  = local.image["nginx"]
        essential              = true
        portMappings           = [{ containerPort = 8080, protocol = "tcp" }]
        readonlyRootFilesystem = true
        mountPoints            = [local.tmp, { sourceVolume = "pages", containerPath = "/usr/share/nginx/html", readOnly = true }]
        logConfiguration       = local.logs["pages"]
      },
    ]
  }

  fronts = { mlflow = { container = "mlflow", port = 5000 }, pages = { container = "nginx", port = 8080 } }
  sizes  = { mlflow = { cpu = 1024, memory = 4096 }, pages = { cpu = 256, memory = 512 } }
}
