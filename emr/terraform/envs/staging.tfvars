# As production, smaller; see there.
environment = "staging"
cidr        = "10.41.0.0/16"
max_vcpus   = 16
single_nat  = true

raw_expire_days = 400
anchor_lock     = { mode = "GOVERNANCE", days = 30 }

# a champion is imported, not trained: docs/release.md
schedules_on = { night = true, deadline = true, train = false }
budgets = {
  compute    = 250
  storage    = 60
  emr        = 60
  monitoring = 60
  transfer   = 100
}

domain       = "telematics-staging.example.com"
zone_id      = "Z00000000000000000002"
viewer_cidrs = ["10.0.0.0/11"]
oidc = {
  issuer                 = "https://login.example.com"
  authorization_endpoint = "https://login.example.com/authorize"
  token_endpoint         = "https://login.example.com/token"
  user_info_endpoint     = "https://login.example.com/userinfo"
  client_id              = "telematics-staging"
}
reviewer_emails = ["model-review@example.com"]
database_class  = "db.t4g.small"

# repository = "owner/name" lets its releases come here (docs/release.md). Left out, none do: whoever is named may deploy
