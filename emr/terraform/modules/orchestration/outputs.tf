output "machines" {
  description = "what -> ARN of its state machine"
  value       = merge({ for machine, m in aws_sfn_state_machine.start : machine => m.arn }, { watch = aws_sfn_state_machine.watch.arn })
}

output "requests" {
  description = "machine -> StartJobRun's arguments, dates as expressions"
  value       = local.requests
}

output "undelivered_queue" {
  description = "queue of starts that did not come about"
  value       = aws_sqs_queue.undelivered.name
}

output "role_arns" {
  description = "what -> role of its state machine"
  value       = { for machine, role in aws_iam_role.machine : machine => role.arn }
}
