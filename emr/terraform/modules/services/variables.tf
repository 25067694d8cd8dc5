variable "name" {
  description = "prefix of names"
  type        = string
}

variable "account_id" {
  description = "account of the services"
  type        = string
}

variable "region" {
  description = "region of the services"
  type        = string
}

variable "subnet_ids" {
  description = "subnets in two zones"
  type        = list(string)
}

variable "security_group_id" {
  description = "security group of the tasks"
  type        = string
}

variable "target_group_arns" {
  description = "service -> target group: mlflow, pages"
  type        = map(string)
}

variable "hosts" {
  description = "service -> host name"
  type        = map(string)
}

variable "images" {
  description = "repository -> tag of the image that runs: mlflow, nginx, aws-cli"
  type        = map(string)
}

variable "tasks" {
  description = "fewest and most tasks of a service; two at least, for two zones"
  type        = object({ min = number, max = number })

  validation {
    condition     = var.tasks.min >= 2
    error_message = "tasks.min is below 2: a lost zone would take the service with it."
  }
}

variable "database" {
  description = "MLflow's backend"
  type        = object({ address = string, secret_arn = string })
}

variable "models_bucket" {
  description = "bucket of MLflow's artefacts"
  type        = string
}

variable "lake_bucket" {
  description = "bucket of the lake, whose pages are shown"
  type        = string
}

variable "reports_prefix" {
  description = "key prefix of the nightly pages and data docs, with its slash"
  type        = string
}

variable "key_arns" {
  description = "kind of data -> KMS key: data, models, audit"
  type        = map(string)
}

variable "log_days" {
  description = "days that logs are kept"
  type        = number
}
