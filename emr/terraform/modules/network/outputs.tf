output "vpc_id" {
  description = "the VPC"
  value       = aws_vpc.this.id
}

output "subnets" {
  description = "kind -> ids of its subnets, in order of zones"
  value = {
    jobs     = [for zone in var.zones : aws_subnet.jobs[zone].id]
    services = [for zone in var.zones : aws_subnet.services[zone].id]
    edge     = [for zone in var.zones : aws_subnet.edge[zone].id]
  }
}

output "groups" {
  description = "who -> id of the security group"
  value       = { for who, group in aws_security_group.this : who => group.id }
}
