"""Refusals of AWS that moto does not implement."""

import json
import time

import durations
from protocol import error


class Rules:
    def __init__(self, states):
        self.states = states

    def refuse(self, call):
        rule = getattr(self, f"{call.service}_{call.operation}", None)
        return self.in_use(call) or (rule(call) if rule else None)

    def in_use(self, call):
        """With `*:deletions=in-use`, network interfaces exist for some time and prevent the deletion of the resources that they use."""
        lingers = call.service == "ec2" and call.operation in ("DeleteSecurityGroup", "DeleteSubnet", "DetachInternetGateway", "DeleteVpc")
        if not lingers or self.states.faults.condition("ec2:deletions") != "in-use":
            return None
        wanted = next((value for name, value in call.parameters.items() if name.endswith("Id")), "")
        if self.states.age(call.operation, wanted) >= durations.DELETION_IN_USE:
            return None
        return error(call, "DependencyViolation", f"resource {wanted} has a dependent object")

    def held(self, call, kind, wanted):
        """The interfaces of a load balancer exist for some time after it is deleted."""
        if self.states.interfaces.holds(kind, wanted):
            return error(call, "DependencyViolation", f"resource {wanted} has a dependent object")
        return None

    def first_use(self, call, service, principal, code, message):
        """In a new account AWS cannot use its service-linked role until IAM has spread it."""
        if self.states.faults.condition(f"{service}:role") != "first-use":
            return None
        path = f"/aws-service-role/{principal}/"
        roles = [role.arn for role in self.states.backend("iam").roles.values() if role.path == path]
        if roles and self.states.age("role", roles[0]) >= durations.ROLE_NOT_EVERYWHERE:
            return None
        return error(call, code, message)

    def rds_CreateDBInstance(self, call):
        return self.first_use(call, "rds", "rds.amazonaws.com", "InvalidParameterValue", "Unable to create the resource. Verify that "
                              "you have permission to create service linked role. Otherwise wait and try again later")

    def elbv2_CreateLoadBalancer(self, call):
        return self.first_use(call, "elbv2", "elasticloadbalancing.amazonaws.com", "AccessDenied", "Unable to assume the service "
                              "linked role. Please verify that the ELB service linked role exists.")

    def ecs_CreateCluster(self, call):
        return self.first_use(call, "ecs", "ecs.amazonaws.com", "InvalidParameterException", "Unable to assume the service linked "
                              "role. Please verify that the ECS service linked role exists.")

    def elbv2_CreateListener(self, call):
        wanted = [value for name, value in call.parameters.items() if name.endswith("CertificateArn")]
        for arn in wanted:
            certificate = self.states.backend("acm")._certificates.get(arn)
            if certificate is None:
                continue
            described = certificate.describe()["Certificate"]
            since = self.states.validation_age(json.loads(json.dumps(described, default=str)))
            if since is None or since < durations.CERTIFICATE_VALIDATION:
                return error(call, "UnsupportedCertificate", f"The certificate '{arn}' must have a fully-qualified domain name, "
                             "a supported signature, and a supported key size.")
        return None

    def ec2_DeleteSecurityGroup(self, call):
        wanted = call.parameters.get("GroupId")
        ec2 = self.states.backend("ec2")
        for group in ec2.describe_security_groups():
            rules = group.ingress_rules + group.egress_rules
            sources = [rule.source_group.get("GroupId") for rule in rules if rule.source_group]
            if group.id != wanted and wanted in sources:
                return error(call, "DependencyViolation", f"resource {wanted} has a dependent object")
        for instance in self.living_instances():
            if any(group.id == wanted for nic in instance.nics.values() for group in nic.group_set):
                return error(call, "DependencyViolation", f"resource {wanted} has a dependent object")
        return self.held(call, "group", wanted)

    def ec2_DetachInternetGateway(self, call):
        """Public addresses in the VPC are mapped while instances or load balancers have them."""
        wanted = call.parameters.get("VpcId")
        if any(instance.vpc_id == wanted for instance in self.living_instances()) or self.states.interfaces.holds("vpc", wanted):
            return error(call, "DependencyViolation", f"Network {wanted} has some mapped public address(es). Please unmap those "
                         "public address(es) before detaching the gateway.")
        return None

    def ec2_DeleteSubnet(self, call):
        wanted = call.parameters.get("SubnetId")
        balancers = self.states.backend("elbv2").load_balancers.values()
        used = any(instance.subnet_id == wanted for instance in self.living_instances())
        used = used or any(subnet.id == wanted for balancer in balancers for subnet in balancer.subnets)
        if used:
            return error(call, "DependencyViolation", f"The subnet '{wanted}' has dependencies and cannot be deleted.")
        return self.held(call, "subnet", wanted)

    def rds_DeleteDBSubnetGroup(self, call):
        wanted = call.parameters.get("DBSubnetGroupName")
        databases = self.states.backend("rds").databases.values()
        living = any(getattr(database, "_db_subnet_group_name", None) == wanted for database in databases)
        if living or any(time.time() < until for until, _ in self.states.deleting.values()):
            return error(call, "InvalidDBSubnetGroupStateFault", f"Cannot delete the subnet group '{wanted}' because at least one "
                         "database instance is still using it.")
        return None

    def living_instances(self):
        for reservation in self.states.backend("ec2").reservations.values():
            for instance in reservation.instances:
                gone = instance._state.name == "terminated"
                if not gone or self.states.age("terminated", instance.id) < durations.INSTANCE_SHUTTING_DOWN:
                    yield instance

    def acm_DeleteCertificate(self, call):
        arn = call.parameters.get("CertificateArn")
        for balancer in self.states.backend("elbv2").load_balancers.values():
            for listener in balancer.listeners.values():
                if arn in (listener.certificates or []) or arn == getattr(listener, "certificate", None):
                    return error(call, "ResourceInUseException", f"Certificate {arn} is in use.")
        return None

    def ecs_DeleteCluster(self, call):
        cluster = call.parameters.get("cluster", "").rsplit("/", 1)[-1]
        for service in self.states.backend("ecs").services.values():
            if service.cluster_name == cluster and service.status == "ACTIVE":
                return error(call, "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
        return None
