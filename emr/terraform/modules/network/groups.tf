# Who may talk to whom. Groups are here and not with what they guard, so that no two modules wait for each other.

locals {
  groups = {
    jobs     = "EMR Serverless workers and EC2 nodes"
    balancer = "the one load balancer"
    services = "MLflow and pages on Fargate"
    database = "MLflow's PostgreSQL"
  }
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5:attached by the modules that the ids are handed to
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  # EMR's service role may touch only what has this tag
  tags = merge({ Name = "${var.name}-${each.key}" }, each.key == "jobs" ? { "for-use-with-amazon-emr-managed-policies" = "true" } : {})
}

# workers shuffle among themselves on ports that Spark picks
resource "aws_vpc_security_group_ingress_rule" "shuffle" {
  security_group_id            = aws_security_group.this["jobs"].id
  referenced_security_group_id = aws_security_group.this["jobs"].id
  description                  = "Spark among its workers"
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "shuffle" {
  security_group_id            = aws_security_group.this["jobs"].id
  referenced_security_group_id = aws_security_group.this["jobs"].id
  description                  = "Spark among its workers"
  ip_protocol                  = "-1"
}

locals {
  flows = {
    jobs-to-balancer     = { from = "jobs", to = "balancer", port = 5000, why = "MLflow for jobs, over TLS" }
    balancer-to-mlflow   = { from = "balancer", to = "services", port = 5000, why = "MLflow" }
    balancer-to-pages    = { from = "balancer", to = "services", port = 8080, why = "pages" }
    services-to-database = { from = "services", to = "database", port = 5432, why = "PostgreSQL" }
  }
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  description                  = each.value.why
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = each.value.why
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# AWS's services: the interface endpoints, and the two gateways by their prefix lists
resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each = toset(["jobs", "services"])

  security_group_id            = aws_security_group.this[each.key].id
  referenced_security_group_id = aws_security_group.endpoints.id
  description                  = "interface endpoints"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "gateways" {
  for_each = {
    for pair in setproduct(["jobs", "services"], ["s3", "dynamodb"]) : join("-", pair) => { group = pair[0], gateway = pair[1] }
  }

  security_group_id = aws_security_group.this[each.value.group].id
  prefix_list_id    = each.value.gateway == "s3" ? aws_vpc_endpoint.s3.prefix_list_id : aws_vpc_endpoint.dynamodb.prefix_list_id
  description       = "gateway endpoint of ${each.value.gateway}"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "identity_provider" {
  security_group_id = aws_security_group.this["balancer"].id
  description       = "the identity provider's token endpoint"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
