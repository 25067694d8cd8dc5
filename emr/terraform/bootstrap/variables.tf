variable "environment" {
  description = "dev, staging or production"
  type        = string
}

variable "organisation" {
  description = "first word of the bucket's name"
  type        = string
  default     = "insurityai"
}

variable "region" {
  description = "region of the state"
  type        = string
  default     = "us-east-1"
}

variable "replica_region" {
  description = "region of its copy"
  type        = string
  default     = "us-west-2"
}
