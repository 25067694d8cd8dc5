variable "cidr" {
  description = "address range of the VPC, a /16"
  type        = string
}

variable "zones" {
  description = "availability zones, two at least"
  type        = list(string)
  default     = ["us-east-1a", "us-east-1b"]
}

variable "single_nat" {
  description = "one NAT gateway for all zones"
  type        = bool
  default     = false
}

variable "interface_services" {
  description = "AWS services with an interface endpoint; each costs about $15 a month in two zones"
  type        = list(string)
  # jobs: who am I, logs, catalogue, keys, EMR, alerts. Services: images, logs, the database's password
  default = ["sts", "logs", "monitoring", "glue", "kms", "sns", "elasticmapreduce", "ecr.api", "ecr.dkr", "secretsmanager"]
}

variable "domain" {
  description = "domain below which mlflow and pages have names"
  type        = string
}

variable "zone_id" {
  description = "public Route 53 zone of the domain"
  type        = string
}

variable "viewer_cidrs" {
  description = "the company's networks, from which people look at MLflow and the pages"
  type        = list(string)
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
  description = "secret of the client at the identity provider, by TF_VAR_oidc_client_secret"
  type        = string
  sensitive   = true
}

variable "images" {
  description = "repository -> tag of the image that runs"
  type        = map(string)
  default     = { mlflow = "3.17.2-1", nginx = "1.29.1", aws-cli = "2.31.0" }
}

variable "tasks" {
  description = "fewest and most tasks of MLflow and of the pages"
  type        = object({ min = number, max = number })
  default     = { min = 2, max = 6 }
}

variable "database_class" {
  description = "size of MLflow's database"
  type        = string
  default     = "db.t4g.medium"
}
