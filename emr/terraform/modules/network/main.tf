# Jobs, services and the database have no route to the internet: they reach AWS by endpoints alone. Only the load
# balancer's subnets go out, through NAT, for it asks the identity provider for tokens.

locals {
  zones = { for i, zone in var.zones : zone => i }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# nothing uses it, so that nobody does by forgetting to name another
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "jobs" {
  for_each = local.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, each.value)
  # EMR looks for this tag where it makes clusters itself
  tags = { Name = "${var.name}-jobs-${each.key}", "for-use-with-amazon-emr-managed-policies" = "true" }
}

resource "aws_subnet" "services" {
  for_each = local.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 8, 128 + each.value)
  tags              = { Name = "${var.name}-services-${each.key}" }
}

resource "aws_subnet" "edge" {
  for_each = local.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 8, 144 + each.value)
  tags              = { Name = "${var.name}-edge-${each.key}" }
}

resource "aws_subnet" "public" {
  for_each = local.zones

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.cidr, 8, 160 + each.value)
  map_public_ip_on_launch = false
  tags                    = { Name = "${var.name}-public-${each.key}" }
}

# one table for what stays inside; the gateway endpoints are its only ways out
resource "aws_route_table" "inside" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-inside" }
}

resource "aws_route_table_association" "jobs" {
  for_each       = local.zones
  subnet_id      = aws_subnet.jobs[each.key].id
  route_table_id = aws_route_table.inside.id
}

resource "aws_route_table_association" "services" {
  for_each       = local.zones
  subnet_id      = aws_subnet.services[each.key].id
  route_table_id = aws_route_table.inside.id
}
