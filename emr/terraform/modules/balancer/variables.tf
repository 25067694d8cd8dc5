variable "name" {
  description = "name of the load balancer, at most 25 characters: target groups add to it"
  type        = string

  validation {
    condition     = length(var.name) <= 25
    error_message = "name has more than 25 characters."
  }
}

variable "vpc_id" {
  description = "VPC of the targets"
  type        = string
}

variable "subnet_ids" {
  description = "subnets in two zones that reach the identity provider"
  type        = list(string)
}

variable "security_group_id" {
  description = "security group of the load balancer"
  type        = string
}

variable "access_log_bucket" {
  description = "bucket of access logs"
  type        = string
}

variable "domain" {
  description = "domain below which each service has a name"
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone of the domain"
  type        = string
}

variable "viewer_cidrs" {
  description = "networks that people come from"
  type        = list(string)

  validation {
    condition     = !contains(var.viewer_cidrs, "0.0.0.0/0")
    error_message = "viewer_cidrs names the company's networks, not the world."
  }
}

variable "services" {
  description = "service -> port of its tasks, and how health shows"
  type        = map(object({ port = number, health_path = string, healthy_codes = string }))
}

variable "oidc" {
  description = "the identity provider, as its discovery document says"
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
  })
}

variable "oidc_client_secret" {
  description = "secret of the client at the identity provider"
  type        = string
  sensitive   = true
}

variable "is_protected" {
  description = "refuse to delete the load balancer"
  type        = bool
}
