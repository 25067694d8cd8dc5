# The account otherwise than an environment has it.

mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "aws" {
  alias  = "replica"
  source = "./tests/mocks"
}

variables {
  oidc_client_secret = "not-a-secret"
  pagerduty_endpoint = "https://events.pagerduty.com/integration/0000/enqueue"
}

run "with_a_cluster" {
  command = plan
  variables {
    cluster = { is_on = true, core_units = 16, max_units = 160 }
  }
}

run "an_environment_that_is_none" {
  command = plan
  variables {
    environment = "test"
  }
  expect_failures = [var.environment]
}

run "a_repository_that_is_none" {
  command = plan
  variables {
    repository = "telematics"
  }
  expect_failures = [var.repository]
}

run "nobody_releases_where_no_repository_is_named" {
  command = plan
  assert {
    condition     = length(module.pipeline) == 0 && output.pipeline == null
    error_message = "Somebody may deploy whom nobody named."
  }
}

run "a_configuration_that_is_no_address" {
  command = plan
  variables {
    conf_address = "conf/production.yml"
  }
  expect_failures = [var.conf_address]
}

run "a_watch_over_nights_that_nothing_starts" {
  command = plan
  variables {
    schedules_on = { night = false, deadline = true, train = false }
  }
  expect_failures = [var.schedules_on]
}

# production's night may ask for 4 + 20 x 4 vCPUs, those of dev and staging for 2 + 2 x 4
# production's training may ask for 16 + 4 x 4 vCPUs, and for 120 + 4 x 16 GB
run "an_application_that_is_too_small_for_its_night" {
  command = plan
  variables {
    max_vcpus = 8
  }
  expect_failures = [output.application_id]
}
