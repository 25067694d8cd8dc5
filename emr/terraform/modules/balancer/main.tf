# One load balancer for all that people look at, inside the network. People log in at the company's identity provider before
# a request comes through; jobs have a port of their own, open to their security group alone, since they have no browser.

locals {
  hosts = { for service in keys(var.services) : service => "${service}.${var.domain}" }
}

resource "aws_lb" "this" {
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.subnet_ids
  security_groups            = [var.security_group_id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.is_protected
  # artefacts of a model are uploaded through MLflow
  idle_timeout = 300

  access_logs {
    bucket  = var.access_log_bucket
    prefix  = "balancer"
    enabled = true
  }
}

resource "aws_lb_target_group" "this" {
  # checkov:skip=CKV_AWS_378:TLS ends at the balancer; from there to the tasks is one security group inside the VPC
  for_each = var.services

  name                 = "${var.name}-${each.key}"
  port                 = each.value.port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 30

  health_check {
    path    = each.value.health_path
    matcher = each.value.healthy_codes
  }
}

resource "aws_lb_listener" "people" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = local.tls_13
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn

  # a host that is none of ours
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener_rule" "people" {
  for_each = local.hosts

  listener_arn = aws_lb_listener.people.arn

  condition {
    host_header {
      values = [each.value]
    }
  }
  action {
    type  = "authenticate-oidc"
    order = 1
    authenticate_oidc {
      issuer                     = var.oidc.issuer
      authorization_endpoint     = var.oidc.authorization_endpoint
      token_endpoint             = var.oidc.token_endpoint
      user_info_endpoint         = var.oidc.user_info_endpoint
      client_id                  = var.oidc.client_id
      client_secret              = var.oidc_client_secret
      scope                      = "openid email"
      on_unauthenticated_request = "authenticate"
      # a working day: whoever leaves the company loses the pages the same evening
      session_timeout = 8 * 3600
    }
  }
  action {
    type             = "forward"
    order            = 2
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

resource "aws_lb_listener" "jobs" {
  load_balancer_arn = aws_lb.this.arn
  port              = 5000
  protocol          = "HTTPS"
  ssl_policy        = local.tls_13
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["mlflow"].arn
  }
}

locals {
  # TLS 1.3 and nothing older
  tls_13 = "ELBSecurityPolicy-TLS13-1-3-2021-06"
}

resource "aws_vpc_security_group_ingress_rule" "people" {
  for_each = toset(var.viewer_cidrs)

  security_group_id = var.security_group_id
  description       = "people, from the company's network"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
