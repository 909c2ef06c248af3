"""The states of resources on AWS that moto skips, derived from a resource's age."""

import json
import math
import re
import time

import durations
import markup
from interfaces import Interfaces
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

GLOBAL_SERVICES = {"route53", "iam"}
# The pattern of the created resource's id in the answer of a call.
LISTED = {
    "CreateVpc": rb"<vpcId>([^<]+)<", "CreateSubnet": rb"<subnetId>([^<]+)<", "CreateInternetGateway": rb"<internetGatewayId>([^<]+)<",
    "CreateRouteTable": rb"<routeTableId>([^<]+)<", "CreateSecurityGroup": rb"<groupId>([^<]+)<", "RunInstances": rb"<instanceId>([^<]+)<",
}
# The field with the id of a list's items.
LISTED_IDS = {
    "DescribeVpcs": "vpcId", "DescribeSubnets": "subnetId", "DescribeInternetGateways": "internetGatewayId",
    "DescribeRouteTables": "routeTableId", "DescribeSecurityGroups": "groupId", "DescribeInstances": "instanceId",
}

# Lists of other services by tag: the path of the items, and the field with their id.
LISTED_JSON = {"secretsmanager:ListSecrets": ("SecretList", "ARN"), "tagging:GetResources": ("ResourceTagMappingList", "ResourceARN")}

# The log stream of a task that died.
DEAD_STREAM = "endpoints/endpoints/00000000000000000000000000000001"
# Canonical's account, and its parameters for the releases with long-term support.
CANONICAL = "099720109477"
UBUNTU_PARAMETER = re.compile(r"/aws/service/canonical/ubuntu/server/(18|20|22|24|26)\.04/stable/current/(amd64|arm64)/hvm/ebs-gp[23]/ami-id")
# The filter that lists the images of an Ubuntu release by name.
UBUNTU_NAMES = re.compile(r"ubuntu/images/hvm-ssd\*-((?:18|20|22|24|26)\.04)-(amd64|arm64)-server-\*")
# The classes of database instances: burstable ones have small sizes, the others start at large.
DATABASE_CLASS = re.compile(r"db\.((t3|t4g)\.(micro|small|medium|large|xlarge|2xlarge)|"
                            r"[mrx][4-8][a-z]*\.(large|xlarge|(2|4|8|12|16|24)xlarge)|x2[a-z]*\.(large|xlarge|(2|4|8|12|16)xlarge))")
# The faults of a service whose tasks do not become healthy.
UNHEALTHY = ("never-healthy", "tasks-die")
# The statuses that a database does not leave by itself. Any other one ends with the command that ordered it.
LASTING = ("failed", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable", "insufficient-capacity",
           "restore-error", "stopped", "storage-full")


def is_lasting(status):
    return status in LASTING or status.startswith("incompatible-")


class States:
    def __init__(self, speed, region, faults):
        self.speed, self.region, self.faults = speed, region, faults
        self.rolled_back = {}
        # What a fault broke, by kind and name: the order of the fault. It stays broken after the command that ordered the fault.
        self.broken = {}
        self.born, self.deleting, self.last_change = {}, {}, 0.0
        self.ssh_refusals = 0
        self.interfaces = Interfaces(self)

    def backend(self, service):
        where = "aws" if service in GLOBAL_SERVICES else self.region
        return get_backend(service)[DEFAULT_ACCOUNT_ID][where]

    def age(self, kind, name):
        """Seconds on AWS's scale since the resource was first seen."""
        return (time.time() - self.born.setdefault((kind, name), time.time())) * self.speed

    def renew(self, kind, name):
        self.born[(kind, name)] = time.time()

    def break_down(self, kind, name, condition, healthy, lasting=lambda value: True):
        """The fault of a resource: that of an earlier command, or that of a condition which is ordered now; `None` if it is healthy. The
        value `healthy` repairs it."""
        order = self.faults.armed(condition)
        if order and order["value"] == healthy:
            self.broken.pop((kind, name), None)
            return None
        if order and lasting(order["value"]):
            if self.broken.get((kind, name)) is not order:
                self.broken[(kind, name)] = order
                self.born.pop(("grown", name), None)
        elif order:
            return order["value"]
        broken = self.broken.get((kind, name))
        return broken and broken["value"]

    def see(self, call, status, content_type, out):
        """The answer of AWS at this age of the resources."""
        status, content_type, out = self.stale_list(call, status, content_type, out)
        handler = getattr(self, f"{call.service}_{call.operation}", None)
        if handler is None:
            return status, content_type, out
        return handler(call, status, content_type, out)

    def stale_list(self, call, status, content_type, out):
        """With `*:lists=stale`, a list that is filtered by tag does not contain resources that are only some seconds old."""
        if status == 200 and call.name in LISTED_JSON and self.faults.condition(f"{call.service}:lists") == "stale":
            return self.stale_json(call, status, content_type, out)
        if call.service != "ec2" or status != 200:
            return status, content_type, out
        if call.operation in LISTED:
            self.renew("listed", re.search(LISTED[call.operation], out).group(1).decode())
        filtered = any(name.startswith("Filter.") for name in call.parameters)
        if not filtered or call.operation not in LISTED_IDS or self.faults.condition("ec2:lists") != "stale":
            return status, content_type, out

        def edit(root):
            for parent in list(root.iter()):
                for item in [child for child in parent if markup.local(child) == "item"]:
                    name = markup.text(item, LISTED_IDS[call.operation])
                    if ("listed", name) in self.born and self.age("listed", name) < durations.LISTS_LAG:
                        parent.remove(item)

        return self.edit_xml(status, content_type, out, edit)

    def stale_json(self, call, *answer):
        items, name = LISTED_JSON[call.name]

        def edit(answer):
            answer[items] = [item for item in answer.get(items, []) if self.age("listed", item[name]) >= durations.LISTS_LAG]

        return self.edit_json(*answer, edit)

    # Offers

    def servicequotas_GetServiceQuota(self, call, *answer):
        def edit(answer):
            if self.faults.condition("ec2:vpcs") == "at-quota":
                answer["Quota"]["Value"] = float(len(self.backend("ec2").vpcs))

        return self.edit_json(*answer, edit)

    def ssm_GetParameters(self, call, *answer):
        """Canonical's parameters name an image of every release with long-term support. moto has images of old releases only."""
        images = self.ubuntu_images()
        if self.faults.condition("ssm:parameters") == "missing":
            return answer

        def edit(found):
            for name in call.parameters.get("Names", []):
                if UBUNTU_PARAMETER.fullmatch(name) and images:
                    found.setdefault("Parameters", []).append({"Name": name, "Type": "String", "Value": images[0], "Version": 1})
                    found["InvalidParameters"] = [other for other in found.get("InvalidParameters", []) if other != name]

        return self.edit_json(*answer, edit)

    def ubuntu_images(self):
        return sorted(image.id for image in self.backend("ec2").amis.values() if image.owner_id == CANONICAL)

    def ec2_DescribeImages(self, call, status, content_type, out):
        """While Canonical's parameters are missing, its images are listed in two pages: an older image, then the newest one."""
        wanted = next(filter(None, map(UBUNTU_NAMES.fullmatch, call.parameters.values())), None)
        if status != 200 or wanted is None or self.faults.condition("ssm:parameters") != "missing":
            return status, content_type, out
        release, processor = wanted.groups()
        is_last = "NextToken" in call.parameters
        day, image = ("20260201", self.ubuntu_images()[0]) if is_last else ("20260101", self.ubuntu_images()[-1])
        name = f"ubuntu/images/hvm-ssd-gp3/ubuntu-lts-{release}-{processor}-server-{day}"
        created = f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00.000Z"
        more = "" if is_last else "<nextToken>2</nextToken>"
        return 200, "text/xml", (
            f'<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><imagesSet><item><imageId>{image}</imageId>'
            f"<imageState>available</imageState><name>{name}</name><creationDate>{created}</creationDate>"
            f"<rootDeviceName>/dev/sda1</rootDeviceName></item></imagesSet>{more}</DescribeImagesResponse>").encode()

    def rds_DescribeOrderableDBInstanceOptions(self, call, status, content_type, out):
        """RDS offers every class that exists in every zone, in the requested version or in one minor version of each major one."""
        if self.faults.condition("rds:offers") == "none" or not DATABASE_CLASS.fullmatch(call.parameters.get("DBInstanceClass") or ""):
            versions = []
        else:
            wanted = call.parameters.get("EngineVersion")
            versions = [wanted] if wanted else [f"{major}.12" for major in range(11, 19)]
        zones = "".join(f"<AvailabilityZone><Name>{self.region}{letter}</Name></AvailabilityZone>" for letter in "abc")
        options = "".join(
            f"<OrderableDBInstanceOption><Engine>postgres</Engine><EngineVersion>{version}</EngineVersion>"
            f"<DBInstanceClass>{call.parameters.get('DBInstanceClass')}</DBInstanceClass><StorageType>{storage}</StorageType>"
            f"<MultiAZCapable>true</MultiAZCapable><AvailabilityZones>{zones}</AvailabilityZones></OrderableDBInstanceOption>"
            for version in versions for storage in ("gp2", "gp3"))
        name = "DescribeOrderableDBInstanceOptions"
        return 200, "text/xml", (
            f'<{name}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><{name}Result><OrderableDBInstanceOptions>{options}'
            f"</OrderableDBInstanceOptions></{name}Result></{name}Response>").encode()

    def edit_xml(self, status, content_type, out, edit):
        return status, content_type, markup.change(out, edit) if status == 200 else out

    def edit_json(self, status, content_type, out, edit):
        if status != 200:
            return status, content_type, out
        answer = json.loads(out)
        edit(answer)
        return status, content_type, json.dumps(answer).encode()

    # Network

    def networks(self, call, *answer):
        def edit(root):
            for kind in ("vpcId", "subnetId"):
                for item in markup.having(root, kind, "state"):
                    if self.age(kind, markup.text(item, kind)) < durations.NETWORK_PENDING:
                        markup.put(item, "pending", "state")

        return self.edit_xml(*answer, edit)

    ec2_CreateVpc = ec2_DescribeVpcs = ec2_CreateSubnet = ec2_DescribeSubnets = networks

    def ec2_DescribeNetworkInterfaces(self, call, *answer):
        return self.edit_xml(*answer, lambda root: self.interfaces.add_to(call, root))

    # Instances

    def instances(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "instanceId", "instanceState"):
                name, state = markup.text(item, "instanceId"), markup.text(item, "instanceState", "name")
                # Read in every state: the age starts with the call that creates the instance, whose answer is not `running`.
                age = self.age("instance", name)
                if state == "running" and age < durations.INSTANCE_PENDING:
                    self.put_state(item, "0", "pending")
                    for address in ("ipAddress", "dnsName"):
                        markup.remove(item, address)
                elif state == "terminated" and self.age("terminated", name) < durations.INSTANCE_SHUTTING_DOWN:
                    self.put_state(item, "32", "shutting-down")

        return self.edit_xml(*answer, edit)

    def put_state(self, item, code, name):
        markup.put(item, code, "instanceState", "code")
        markup.put(item, name, "instanceState", "name")

    ec2_RunInstances = ec2_DescribeInstances = instances

    def ec2_TerminateInstances(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "instanceId"):
                self.renew("terminated", markup.text(item, "instanceId"))

        return self.edit_xml(*answer, edit)

    def ec2_DescribeInstanceStatus(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "instanceId", "instanceStatus"):
                if self.age("instance", markup.text(item, "instanceId")) < self.checks_end():
                    for part in ("instanceStatus", "systemStatus"):
                        markup.put(item, "initializing", part, "status")

        return self.edit_xml(*answer, edit)

    def checks_end(self):
        return durations.INSTANCE_PENDING + durations.INSTANCE_CHECKS

    def ssh_phase(self):
        """`closed`, then `refuses` (the key), then `open`, by the age of the youngest instance."""
        if self.faults.condition("ec2:ssh") == "unreachable":
            return "closed"
        ages = [self.age("instance", name) for kind, name in list(self.born) if kind == "instance"]
        since = min(ages, default=0) - self.checks_end()
        if since < durations.INSTANCE_SSH_CLOSED:
            return "closed"
        return "refuses" if since < durations.INSTANCE_SSH_CLOSED + durations.INSTANCE_SSH_REFUSES_KEY else "open"

    # Certificates and DNS

    def records(self):
        for zone in self.backend("route53").zones.values():
            for record in zone.rrsets:
                yield record

    def validation_is_there(self, certificate):
        """How long the record that validates the domain has been in DNS, in AWS's seconds; `None` if it is not. An imported certificate
        needs none."""
        if certificate.get("Type") == "IMPORTED":
            return math.inf
        for option in certificate.get("DomainValidationOptions", []):
            wanted = option.get("ResourceRecord")
            if option.get("ValidationMethod") == "EMAIL":
                return self.age("certificate", certificate["CertificateArn"])
            found = wanted and any(r.name.rstrip(".") == wanted["Name"].rstrip(".") for r in self.records())
            if not found:
                return None
        return self.age("validation", certificate["CertificateArn"])

    def acm_DescribeCertificate(self, call, *answer):
        def edit(answer):
            certificate = answer["Certificate"]
            arn = certificate["CertificateArn"]
            if self.break_down("certificate", arn, "acm:certificate", "issued") == "failed":
                certificate.update(Status="FAILED", FailureReason="CAA_ERROR")
                return
            age = self.age("certificate", arn)
            since = self.validation_is_there(certificate)
            if certificate.get("Status") == "ISSUED" and (since is None or since < durations.CERTIFICATE_VALIDATION):
                certificate["Status"] = "PENDING_VALIDATION"
                for name in ("IssuedAt", "NotAfter", "NotBefore"):
                    certificate.pop(name, None)
                for option in certificate.get("DomainValidationOptions", []):
                    option["ValidationStatus"] = "PENDING_VALIDATION"
            if age < durations.CERTIFICATE_RECORD:
                for option in certificate.get("DomainValidationOptions", []):
                    option.pop("ResourceRecord", None)

        return self.edit_json(*answer, edit)

    def acm_RequestCertificate(self, call, *answer):
        return self.edit_json(*answer, lambda found: self.renew("certificate", found["CertificateArn"]))

    def route53_ChangeResourceRecordSets(self, call, status, content_type, out):
        if status == 200:
            self.last_change = time.time()
        return status, content_type, out.replace(b"INSYNC", b"PENDING")

    def route53_GetChange(self, call, status, content_type, out):
        pending = (time.time() - self.last_change) * self.speed < durations.DNS_CHANGE
        return status, content_type, out.replace(b"INSYNC", b"PENDING") if pending else out

    def resolve(self, name):
        """`A` addresses and the `CNAME`, if any, of a name."""
        zone = next((zone for zone in self.backend("route53").zones.values() if zone.name.rstrip(".").lower() == name.lower()), None)
        if zone is not None and zone.delegation_set:
            delegated = self.faults.condition("route53:zone") != "not-delegated"
            servers = zone.delegation_set.name_servers if delegated else ["ns1.registrar.test", "ns2.registrar.test"]
            return dict(self.resolve_record(name), name_servers=[server.rstrip(".") for server in servers])
        return self.resolve_record(name)

    def resolve_record(self, name):
        if name.endswith(".elb.amazonaws.com"):
            return {"addresses": ["127.0.0.1"], "alias": None}
        for record in self.records():
            if record.name.rstrip(".").lower() != name.lower():
                continue
            if record.alias_target:
                return {"addresses": ["127.0.0.1"], "alias": None}
            if record.type == "CNAME":
                return {"addresses": [], "alias": record.records[0].rstrip(".")}
            if record.type == "A":
                return {"addresses": record.records, "alias": None}
        return {"addresses": [], "alias": None}

    # Databases

    def databases(self, call, status, content_type, out):
        name = call.parameters.get("DBInstanceIdentifier")
        until, ended = self.deleting.get(name, (0, None))
        if status != 200 and time.time() < until:
            return 200, content_type, ended

        def edit(root):
            for item in markup.having(root, "DBInstanceIdentifier", "DBInstanceStatus"):
                age = self.age("database", markup.text(item, "DBInstanceIdentifier"))
                if age < durations.DATABASE_CREATING:
                    markup.put(item, "creating", "DBInstanceStatus")
                    markup.remove(item, "Endpoint")
                elif self.database_status(markup.text(item, "DBInstanceIdentifier")):
                    markup.put(item, self.database_status(markup.text(item, "DBInstanceIdentifier")), "DBInstanceStatus")
                elif age < durations.DATABASE_CREATING + durations.DATABASE_BACKING_UP:
                    markup.put(item, "backing-up", "DBInstanceStatus")

        return self.edit_xml(status, content_type, out, edit)

    def database_status(self, name):
        """The ordered status of a database. One whose storage is full recovers after it has been given more."""
        ordered = self.break_down("database", name, "rds:database", "available", is_lasting)
        if ordered != "storage-full" or ("grown", name) not in self.born:
            return ordered
        age = self.age("grown", name)
        if age < durations.DATABASE_CHANGE_BEGINS:
            return ordered
        return "modifying" if age < durations.DATABASE_CHANGE_BEGINS + durations.DATABASE_MODIFYING else None

    rds_CreateDBInstance = rds_DescribeDBInstances = databases

    def rds_ModifyDBInstance(self, call, status, content_type, out):
        if status == 200 and call.parameters.get("AllocatedStorage"):
            self.renew("grown", call.parameters.get("DBInstanceIdentifier"))
        return self.databases(call, status, content_type, out)

    def keep_subnet_group(self, call):
        """The subnet group that is about to be modified: moto removes it from its list."""
        name = call.parameters.get("DBSubnetGroupName")
        self.subnet_group = (name, self.backend("rds").subnet_groups.get(name))

    def rds_ModifyDBSubnetGroup(self, call, status, content_type, out):
        name, group = self.subnet_group
        if group is not None:
            self.backend("rds").subnet_groups[name] = group
        return status, content_type, out

    def rds_DeleteDBInstance(self, call, status, content_type, out):
        name = call.parameters.get("DBInstanceIdentifier")
        if status == 200:
            described = out.replace(b"<DBInstance>", b"<DBInstances><DBInstance>").replace(
                b"</DBInstance>", b"</DBInstance></DBInstances>").replace(b"DeleteDBInstance", b"DescribeDBInstances")

            def edit(root):
                for item in markup.having(root, "DBInstanceIdentifier", "DBInstanceStatus"):
                    markup.put(item, "deleting", "DBInstanceStatus")

            until = time.time() + durations.DATABASE_DELETING / self.speed
            self.deleting[name] = (until, markup.change(described, edit))
            self.born.pop(("database", name), None)
            self.broken.pop(("database", name), None)
        return status, content_type, out

    # Load balancers

    def load_balancers(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "LoadBalancerArn", "State"):
                age = self.age("balancer", markup.text(item, "LoadBalancerArn"))
                if age < durations.LOAD_BALANCER_PROVISIONING:
                    markup.put(item, "provisioning", "State", "Code")

        return self.edit_xml(*answer, edit)

    elbv2_CreateLoadBalancer = elbv2_DescribeLoadBalancers = load_balancers

    def elbv2_DescribeTargetHealth(self, call, *answer):
        service = self.service_behind(call.parameters.get("TargetGroupArn"))

        def edit(root):
            for list_ in [e for e in root.iter() if markup.local(e) == "TargetHealthDescriptions"]:
                for item in list(list_):
                    list_.remove(item)
                for number in range(service.desired_count if service else 0):
                    healthy = self.rolled_out(service) and not self.sick(service)
                    self.add_target(list_, number, healthy)

        return self.edit_xml(*answer, edit)

    def add_target(self, list_, number, healthy):
        member = markup.add(list_, "member")
        target = markup.add(member, "Target")
        markup.add(target, "Id", f"10.100.10.{number + 5}")
        markup.add(target, "Port", "8080")
        markup.add(member, "HealthCheckPort", "8080")
        health = markup.add(member, "TargetHealth")
        markup.add(health, "State", "healthy" if healthy else "initial")
        if not healthy:
            markup.add(health, "Reason", "Elb.RegistrationInProgress")
            markup.add(health, "Description", "Target registration is in progress")

    # Services

    def service_behind(self, target_group_arn):
        for service in self.backend("ecs").services.values():
            groups = [balancer.get("targetGroupArn") for balancer in service.load_balancers or []]
            if target_group_arn in groups and service.status == "ACTIVE":
                return service
        return None

    def sick(self, service):
        """Whether the tasks of a service without an earlier revision do not become healthy."""
        return service.arn not in self.rolled_back and self.fault_of(service.task_definition) in UNHEALTHY

    def fault_of(self, revision):
        """The fault of a task definition's revision. Another revision, such as one with another image, does not have it."""
        if self.faults.condition("ecs:service", ("healthy",)):
            self.broken.pop(("revision", revision), None)
        broken = self.broken.get(("revision", revision))
        return broken and broken["value"]

    def deploy(self, revision, among):
        """A revision that is deployed while a fault is ordered has that fault until another one is deployed."""
        order = self.faults.armed("ecs:service", among)
        if order:
            self.broken[("revision", revision)] = order

    def rolled_out(self, service):
        return self.age("service", service.arn) >= durations.SERVICE_ROLLOUT

    def application_is_healthy(self):
        services = self.backend("ecs").services.values()
        return any(service.status == "ACTIVE" and self.rolled_out(service) and not self.sick(service) for service in services)

    def services(self, call, *answer):
        def edit(answer):
            listed = answer.get("services") or [answer["service"]] if answer.get("services") or "service" in answer else []
            for service in listed:
                self.edit_service(service)

        return self.edit_json(*answer, edit)

    def edit_service(self, service):
        arn, desired = service["serviceArn"], service.get("desiredCount", 0)
        name = service.get("serviceName")
        if service.get("status") == "INACTIVE":
            if self.age("drained", arn) < durations.SERVICE_DRAINING:
                service["status"] = "DRAINING"
            return
        for deployment in service.get("deployments", [])[:1]:
            # moto keeps the revision with which the service was created.
            deployment["taskDefinition"] = service.get("taskDefinition")
        if self.fails(service):
            return
        done = self.age("service", arn) >= durations.SERVICE_ROLLOUT or desired == 0
        service["runningCount"], service["pendingCount"] = (desired, 0) if done else (0, desired)
        service["events"] = [{"id": "rehearsal-1", "createdAt": self.born[("service", arn)],
                              "message": f"(service {name}) has started {desired} tasks."}]
        if done:
            service["events"].insert(0, {"id": "rehearsal-2", "createdAt": time.time(),
                                         "message": f"(service {name}) has reached a steady state."})
        for deployment in service.get("deployments", [])[:1]:
            deployment["rolloutState"] = "COMPLETED" if done else "IN_PROGRESS"
            deployment["runningCount"], deployment["pendingCount"] = service["runningCount"], service["pendingCount"]
            deployment["failedTasks"] = 0
        if done:
            service["deployments"] = service.get("deployments", [])[:1]

    def fails(self, service):
        """Makes the roll-out of a service fail, if that fault is ordered."""
        arn, age = service["serviceArn"], self.age("service", service["serviceArn"])
        reason = "ECS deployment circuit breaker: tasks failed to start."
        primary = (service.get("deployments") or [{}])[0]
        if arn in self.rolled_back:
            going = age < durations.ROLLBACK
            if not going:
                service["taskDefinition"] = primary["taskDefinition"] = self.rolled_back[arn]
            self.show(service, "IN_PROGRESS" if going else "COMPLETED", "tasks failed to start" if going else "rolled back", 1)
            return True
        condition = self.fault_of(service.get("taskDefinition"))
        if condition == "never-healthy":
            self.show(service, "IN_PROGRESS", "is unhealthy in its target group", 0)
            return True
        if condition == "tasks-die":
            failed = age >= durations.ROLLBACK
            self.show(service, "FAILED" if failed else "IN_PROGRESS", "deployment failed: " + reason, 0)
            primary["rolloutStateReason"] = reason
            return True
        return False

    def show(self, service, state, event, running):
        desired = service.get("desiredCount", 0)
        service["runningCount"], service["pendingCount"] = (desired, 0) if running else (0, desired)
        service["events"] = [{"id": "rehearsal-3", "createdAt": time.time(), "message": f"(service {service.get('serviceName')}) {event}."}]
        for deployment in service.get("deployments", [])[:1]:
            deployment["rolloutState"], deployment["failedTasks"] = state, 0 if running else 3
            deployment["runningCount"], deployment["pendingCount"] = service["runningCount"], service["pendingCount"]
        service["deployments"] = service.get("deployments", [])[:1]

    ecs_DescribeServices = ecs_DeleteService = services

    def ecs_CreateService(self, call, *answer):
        if answer[0] == 200:
            self.deploy(call.parameters.get("taskDefinition"), UNHEALTHY)
        return self.services(call, *answer)

    def ecs_ListTaskDefinitions(self, call, *answer):
        """Sorts the answer: moto ignores the requested order."""
        if call.parameters.get("sort") != "DESC":
            return answer
        place = lambda arn: (arn.rsplit(":", 1)[0], int(arn.rsplit(":", 1)[1]))
        return self.edit_json(*answer, lambda found: found["taskDefinitionArns"].sort(key=place, reverse=True))

    def dead_tasks(self, call):
        """The ARNs of the stopped tasks of a service whose tasks die."""
        wanted = call.parameters.get("serviceName") or call.parameters.get("service") or ""
        for service in self.backend("ecs").services.values():
            if service.name == wanted.rsplit("/", 1)[-1] and self.fault_of(service.task_definition) == "tasks-die":
                start, cluster = service.arn.split(":service/")[0], service.cluster_name
                return [f"{start}:task/{cluster}/{number:032x}" for number in (1, 2, 3)]
        return []

    def ecs_ListTasks(self, call, *answer):
        if call.parameters.get("desiredStatus") != "STOPPED":
            return answer
        return self.edit_json(*answer, lambda found: found.update(taskArns=found.get("taskArns", []) + self.dead_tasks(call)))

    def ecs_DescribeTasks(self, call, *answer):
        """Adds the stopped tasks, which moto does not know."""
        def edit(answer):
            known = [task["taskArn"] for task in answer.get("tasks", [])]
            dead = [arn for arn in call.parameters.get("tasks", []) if re.search(r"/0{31}[123]$", arn) and arn not in known]
            answer["tasks"] = answer.get("tasks", []) + [{
                "taskArn": arn, "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "endpoints", "lastStatus": "STOPPED", "exitCode": 1}],
            } for arn in dead]
            answer["failures"] = [failed for failed in answer.get("failures", []) if failed.get("arn") not in dead]

        return self.edit_json(*answer, edit)

    def has_dead_tasks(self):
        services = self.backend("ecs").services.values()
        return any(service.status == "ACTIVE" and self.fault_of(service.task_definition) == "tasks-die" for service in services)

    def logs_DescribeLogStreams(self, call, *answer):
        """A task that dies has written why."""
        if not self.has_dead_tasks():
            return answer
        stream = {"logStreamName": DEAD_STREAM, "creationTime": int(time.time() * 1000), "storedBytes": 0}
        return self.edit_json(*answer, lambda found: found.update(logStreams=[stream] + found.get("logStreams", [])))

    def logs_GetLogEvents(self, call, *answer):
        if call.parameters.get("logStreamName") != DEAD_STREAM:
            return answer
        now = int(time.time() * 1000)
        lines = ["Starting the application", "java.lang.IllegalStateException: this image is broken (ordered by the rehearsal)"]
        events = [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines]
        return 200, "application/x-amz-json-1.1", json.dumps({"events": events}).encode()

    def earlier_revision(self, call):
        """The revision of a service preceding an update, read before moto applies it."""
        name = call.parameters.get("service", "").rsplit("/", 1)[-1]
        for service in self.backend("ecs").services.values():
            if service.name == name:
                self.earlier = (service.arn, self.rolled_back.get(service.arn, service.task_definition))

    def ecs_UpdateService(self, call, status, content_type, out):
        if status == 200 and call.parameters.get("desiredCount") != 0:
            arn, earlier = self.earlier
            self.renew("service", arn)
            revision = call.parameters.get("taskDefinition")
            changed = revision not in (None, earlier)
            if changed:
                self.deploy(revision, ("rollback", *UNHEALTHY))
            if changed and self.fault_of(revision) == "rollback":
                self.rolled_back[arn] = earlier
            else:
                self.rolled_back.pop(arn, None)
        return self.services(call, status, content_type, out)

    # Notifications and alarms

    def sns_Subscribe(self, call, *answer):
        if call.parameters.get("Protocol") != "email":
            return answer
        return self.edit_xml(*answer, lambda root: [
            setattr(element, "text", "pending confirmation") for element in root.iter() if markup.local(element) == "SubscriptionArn"
        ])

    def sns_ListSubscriptionsByTopic(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "SubscriptionArn", "Protocol"):
                if markup.text(item, "Protocol") == "email":
                    markup.put(item, "PendingConfirmation", "SubscriptionArn")

        return self.edit_xml(*answer, edit)

    def cloudwatch_DescribeAlarms(self, call, *answer):
        def edit(root):
            for item in markup.having(root, "AlarmName", "StateValue"):
                if self.age("alarm", markup.text(item, "AlarmName")) < durations.ALARM_WITHOUT_DATA:
                    markup.put(item, "INSUFFICIENT_DATA", "StateValue")

        return self.edit_xml(*answer, edit)
