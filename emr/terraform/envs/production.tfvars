# Ids, networks and the identity provider differ by company: put yours here. Secrets come by TF_VAR_oidc_client_secret and
# TF_VAR_pagerduty_endpoint.
environment = "production"
cidr        = "10.40.0.0/16"
max_vcpus   = 96

# raw files for two years; bronze keeps what they said
raw_expire_days = 730
# nobody, not even root, can take a head away for seven years
anchor_lock = { mode = "COMPLIANCE", days = 2555 }

schedules_on = { night = true, deadline = true, train = true }
budgets = {
  compute    = 2500
  storage    = 1200
  emr        = 800
  monitoring = 600
  transfer   = 400
}

domain       = "telematics.example.com"
zone_id      = "Z00000000000000000003"
viewer_cidrs = ["10.0.0.0/11"]
oidc = {
  issuer                 = "https://login.example.com"
  authorization_endpoint = "https://login.example.com/authorize"
  token_endpoint         = "https://login.example.com/token"
  user_info_endpoint     = "https://login.example.com/userinfo"
  client_id              = "telematics-production"
}
reviewer_emails = ["model-review@example.com"]

# repository = "owner/name" lets its releases come here (docs/release.md). Left out, none do: whoever is named may deploy
