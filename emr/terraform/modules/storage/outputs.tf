output "buckets" {
  description = "what -> name of its bucket"
  value       = merge({ for bucket, b in module.bucket : bucket => b.name }, { access = module.access.name })
}

output "arns" {
  description = "what -> ARN of its bucket"
  value       = merge({ for bucket, b in module.bucket : bucket => b.arn }, { access = module.access.arn })
}

output "lake_prefix" {
  description = "key prefix of the lake's root, with its slash"
  value       = local.lake_prefix
}

output "rules" {
  description = "what -> rules for current objects, as tests look at them"
  value       = { for bucket, b in local.buckets : bucket => b.rules }
}
