# What people reach, and how.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "telematics-test"
  account_id         = "123456789012"
  region             = "us-east-1"
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-a", "subnet-b"]
  security_group_id  = "sg-1"
  access_log_bucket  = "access"
  domain             = "telematics.example.com"
  zone_id            = "Z1"
  viewer_cidrs       = ["10.0.0.0/11"]
  is_protected       = true
  oidc_client_secret = "not-a-secret"
  services = {
    mlflow = { port = 5000, health_path = "/health", healthy_codes = "200" }
    pages  = { port = 8080, health_path = "/", healthy_codes = "200,403" }
  }
  oidc = {
    issuer                 = "https://login.example.com"
    authorization_endpoint = "https://login.example.com/authorize"
    token_endpoint         = "https://login.example.com/token"
    user_info_endpoint     = "https://login.example.com/userinfo"
    client_id              = "telematics"
  }
  target_group_arns = {
    mlflow = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/mlflow/0123456789abcdef"
    pages  = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/pages/0123456789abcdef"
  }
  hosts          = { mlflow = "mlflow.telematics.example.com", pages = "pages.telematics.example.com" }
  images         = { mlflow = "1", nginx = "1", aws-cli = "1" }
  tasks          = { min = 2, max = 6 }
  database       = { address = "db.example.com", secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db" }
  models_bucket  = "models"
  lake_bucket    = "lake"
  reports_prefix = "lake/_reports/"
  log_days       = 400
  key_arns = {
    data   = "arn:aws:kms:us-east-1:123456789012:key/data"
    models = "arn:aws:kms:us-east-1:123456789012:key/models"
    audit  = "arn:aws:kms:us-east-1:123456789012:key/audit"
  }
}

run "the_balancer" {
  command = plan
  module {
    source = "./modules/balancer"
  }

  assert {
    condition     = aws_lb.this.internal
    error_message = "Open to the internet."
  }
  assert {
    condition     = alltrue([for l in [aws_lb_listener.people, aws_lb_listener.jobs] : l.protocol == "HTTPS" && strcontains(l.ssl_policy, "TLS13-1-3")])
    error_message = "A listener takes less than TLS 1.3."
  }
  assert {
    condition     = one(aws_lb_listener.people.default_action).type == "fixed-response"
    error_message = "A host that is none of ours is let through."
  }
  assert {
    condition     = alltrue([for r in aws_lb_listener_rule.people : [for a in r.action : a.type if a.order == 1] == ["authenticate-oidc"]])
    error_message = "Something is shown before the login."
  }
  assert {
    condition     = output.tracking_uri == "https://mlflow.telematics.example.com:5000"
    error_message = "Jobs look for MLflow elsewhere: ${output.tracking_uri}"
  }
}

run "the_whole_world_is_no_company_network" {
  command = plan
  module {
    source = "./modules/balancer"
  }
  variables {
    viewer_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.viewer_cidrs]
}

run "the_services" {
  command = apply
  module {
    source = "./modules/services"
  }

  assert {
    condition     = alltrue([for s in aws_ecs_service.this : !s.network_configuration[0].assign_public_ip && length(s.network_configuration[0].subnets) == 2])
    error_message = "A service is public, or in one zone."
  }
  assert {
    condition     = alltrue([for t in aws_appautoscaling_target.this : t.min_capacity == 2 && t.max_capacity == 6])
    error_message = "Two tasks at least, six at most."
  }
  assert {
    condition     = alltrue(flatten([for t in aws_ecs_task_definition.this : [for c in jsondecode(t.container_definitions) : c.readonlyRootFilesystem]]))
    error_message = "A container can write to its own image."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.task["mlflow"].policy, "Delete")
    error_message = "MLflow could delete a version's evidence."
  }
  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.task["pages"].policy).Statement : s.Resource == ["arn:aws:s3:::lake/lake/_reports/*"]
      if contains(s.Action, "s3:GetObject")
    ])
    error_message = "Pages could show more than pages."
  }
  # the password is named, never written
  assert {
    condition     = [for s in jsondecode(aws_ecs_task_definition.this["mlflow"].container_definitions)[0].secrets : s.name] == ["PGUSER", "PGPASSWORD"]
    error_message = "The database's password comes otherwise than from its secret."
  }
}

run "one_task_is_not_two_zones" {
  command = plan
  module {
    source = "./modules/services"
  }
  variables {
    tasks = { min = 1, max = 1 }
  }
  expect_failures = [var.tasks]
}
