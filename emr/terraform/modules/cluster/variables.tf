variable "name" {
  description = "name of the cluster and prefix of its roles"
  type        = string
}

variable "account_id" {
  description = "account of the cluster"
  type        = string
}

variable "region" {
  description = "region of the cluster"
  type        = string
}

variable "release_label" {
  description = "EMR release, the one of the Serverless application"
  type        = string
}

variable "vpc_id" {
  description = "VPC of the nodes"
  type        = string
}

variable "subnet_ids" {
  description = "private subnets: EMR picks the one with capacity"
  type        = list(string)
}

variable "security_group_id" {
  description = "security group of all nodes"
  type        = string
}

variable "buckets" {
  description = "what -> name of its bucket: artifacts, logs"
  type        = map(string)
}

variable "key_arns" {
  description = "kind of data -> KMS key: data, audit"
  type        = map(string)
}

variable "certificates" {
  description = "zip of PEM files for TLS between nodes, below the bucket of artefacts"
  type        = string
  default     = "tls/nodes.zip"
}

variable "starts" {
  description = "application starts whose roles a step may take"
  type        = list(string)
}

variable "core_units" {
  description = "units of the core fleet, a unit being a vCPU"
  type        = number
}

variable "max_units" {
  description = "units of core and task fleets together"
  type        = number
}

variable "idle_minutes" {
  description = "minutes without a step until the cluster ends itself"
  type        = number
  default     = 30
}
