variable "name" {
  description = "prefix of the roles and of the repository of images"
  type        = string
}

variable "environment" {
  description = "environment of GitHub whose jobs deploy here"
  type        = string
}

variable "repository" {
  description = "owner/name of the repository on GitHub"
  type        = string
}

variable "account_id" {
  description = "account of the roles"
  type        = string
}

variable "region" {
  description = "region of the application, the machines and the state"
  type        = string
}

variable "bucket_arns" {
  description = "what -> ARN of its bucket: artifacts, logs"
  type        = map(string)
}

variable "key_arns" {
  description = "what -> ARN of its key: data, audit"
  type        = map(string)
}

variable "application_arn" {
  description = "the EMR Serverless application"
  type        = string
}

variable "night_role_arn" {
  description = "role of the runs that try a release"
  type        = string
}

variable "machine_arns" {
  description = "state machines that a release changes"
  type        = list(string)
}

variable "machine_role_arns" {
  description = "roles that those machines have"
  type        = list(string)
}

variable "state" {
  description = "bucket and key of Terraform's state, as bootstrap/ names them"
  type        = object({ bucket = string, key = string })
}
