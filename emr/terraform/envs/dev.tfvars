# For trying things: nothing starts by itself, and `terraform destroy` takes it all but the anchors.
environment  = "dev"
cidr         = "10.42.0.0/16"
max_vcpus    = 16
single_nat   = true
is_protected = false

anchor_lock = { mode = "GOVERNANCE", days = 1 }

schedules_on = { night = false, deadline = false, train = false }
budgets = {
  compute    = 150
  storage    = 30
  emr        = 30
  monitoring = 30
  transfer   = 100
}

domain       = "telematics-dev.example.com"
zone_id      = "Z00000000000000000001"
viewer_cidrs = ["10.0.0.0/11"]
oidc = {
  issuer                 = "https://login.example.com"
  authorization_endpoint = "https://login.example.com/authorize"
  token_endpoint         = "https://login.example.com/token"
  user_info_endpoint     = "https://login.example.com/userinfo"
  client_id              = "telematics-dev"
}
database_class = "db.t4g.small"
