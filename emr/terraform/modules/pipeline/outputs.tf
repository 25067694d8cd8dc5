output "role_arns" {
  description = "release, images -> AWS_ROLE of the environment on GitHub"
  value       = { for what, role in aws_iam_role.pipeline : what => role.arn }
}

output "image_repository" {
  description = "IMAGE_REPOSITORY of the repository on GitHub"
  value       = aws_ecr_repository.job.repository_url
}
