# What stands around the jobs: the network, the database, the balancer, the money.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "telematics-test"
  account_id         = "123456789012"
  region             = "us-east-1"
  cidr               = "10.42.0.0/16"
  zones              = ["us-east-1a", "us-east-1b"]
  single_nat         = false
  interface_services = ["sts", "logs"]
  bucket_arns        = ["arn:aws:s3:::lake"]
  table_arns         = ["arn:aws:dynamodb:us-east-1:123456789012:table/delta-log"]
  log_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/audit"
  log_days           = 400
  instance_class     = "db.t4g.small"
  subnet_ids         = ["subnet-a", "subnet-b"]
  security_group_id  = "sg-1"
  key_arn            = "arn:aws:kms:us-east-1:123456789012:key/models"
  is_protected       = true
  topic_arn          = "arn:aws:sns:us-east-1:123456789012:alerts"
  limits             = { compute = 2500, storage = 1200, emr = 800, monitoring = 600, transfer = 400 }
}

run "jobs_have_no_way_to_the_internet" {
  command = apply
  module {
    source = "./modules/network"
  }

  assert {
    condition     = alltrue([for a in concat(values(aws_route_table_association.jobs), values(aws_route_table_association.services)) : a.route_table_id == aws_route_table.inside.id])
    error_message = "A subnet of jobs or services has another table than the one inside."
  }
  assert {
    condition     = length(aws_route_table.inside.route) == 0 && !contains([for r in aws_route.edge : r.route_table_id], aws_route_table.inside.id) && aws_route.public.route_table_id != aws_route_table.inside.id
    error_message = "The table inside has a route of ours."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 2
    error_message = "A zone's NAT gateway is missing."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_vpc_endpoint.s3.policy).Statement : !contains(flatten([s.Resource]), "*")])
    error_message = "The S3 endpoint lets data out to any bucket."
  }
  assert {
    condition     = length(setintersection([for s in aws_subnet.jobs : s.cidr_block], [for s in aws_subnet.services : s.cidr_block])) == 0
    error_message = "Subnets overlap."
  }
}

run "the_database_comes_back" {
  command = plan
  module {
    source = "./modules/database"
  }

  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.backup_retention_period == 30
    error_message = "One zone, or fewer than 30 days."
  }
  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && !aws_db_instance.this.delete_automated_backups
    error_message = "A slip takes the database and its backups."
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.manage_master_user_password
    error_message = "Not encrypted, or a password in Terraform's state."
  }
}

run "backups_of_a_week_are_refused" {
  command = plan
  module {
    source = "./modules/database"
  }
  variables {
    backup_days = 7
  }
  expect_failures = [var.backup_days]
}

run "deltas_table_is_deltas" {
  command = plan
  module {
    source = "./modules/locks"
  }

  assert {
    condition     = aws_dynamodb_table.delta_log.hash_key == "tablePath" && aws_dynamodb_table.delta_log.range_key == "fileName"
    error_message = "Delta's log store looks for tablePath and fileName."
  }
  assert {
    condition     = one(aws_dynamodb_table.delta_log.ttl).attribute_name == "expireTime" && one(aws_dynamodb_table.delta_log.ttl).enabled
    error_message = "Entries would stay for ever."
  }
  assert {
    condition     = aws_dynamodb_table.delta_log.name == "telematics-test-delta-log"
    error_message = "conf/<environment>.yml names the table otherwise."
  }
}

run "budgets_are_the_plans_lines" {
  command = plan
  module {
    source = "./modules/budgets"
  }

  # 2,500 + 1,200 + 800 + 600 + 400
  assert {
    condition     = aws_budgets_budget.this["total"].limit_amount == "5500.0" && output.total == 5500
    error_message = "The lines do not add up to the plan."
  }
  assert {
    condition = toset([for line, b in aws_budgets_budget.this : "${line} ${b.limit_amount}"]) == toset([
      "compute 2500.0", "storage 1200.0", "emr 800.0", "monitoring 600.0", "transfer 400.0", "total 5500.0",
    ])
    error_message = "A line has another limit."
  }
  # a service that is in two lines would be counted twice
  assert {
    condition = length(flatten([for line, b in aws_budgets_budget.this : [for f in b.cost_filter : f.values]])) == length(distinct(
      flatten([for line, b in aws_budgets_budget.this : [for f in b.cost_filter : f.values]])
    ))
    error_message = "A service is in two lines."
  }
}

run "a_line_that_is_missing" {
  command = plan
  module {
    source = "./modules/budgets"
  }
  variables {
    limits = { compute = 1, storage = 1, emr = 1, transfer = 1 }
  }
  expect_failures = [var.limits]
}
