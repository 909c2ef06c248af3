"""Prints what boto3 finds in the account: the number of each resource, and the attributes that the runbook sets."""

import json
import sys

import boto3

endpoint, region = sys.argv[1:3]


def client(service):
    return boto3.client(service, endpoint_url=endpoint, region_name=region,
                        aws_access_key_id="inspector", aws_secret_access_key="inspector")


def tags(resource):
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", resource.get("TagList", []))}


def ours(resources):
    return [resource for resource in resources if "flow:deployment" in tags(resource)]


ec2, rds, ecs, elbv2 = client("ec2"), client("rds"), client("ecs"), client("elbv2")
iam, logs, secrets, sns = client("iam"), client("logs"), client("secretsmanager"), client("sns")
cloudwatch, acm, route53, tagging = client("cloudwatch"), client("acm"), client("route53"), client("resourcegroupstaggingapi")

vpcs = ours(ec2.describe_vpcs()["Vpcs"])
subnets = ours(ec2.describe_subnets()["Subnets"])
gateways = ours(ec2.describe_internet_gateways()["InternetGateways"])
route_tables = ours(ec2.describe_route_tables()["RouteTables"])
groups = ours(ec2.describe_security_groups()["SecurityGroups"])
instances = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"] if i["State"]["Name"] != "terminated"]
databases = rds.describe_db_instances()["DBInstances"]
clusters = [c for c in ecs.list_clusters()["clusterArns"]]
clusters = [c for c in (ecs.describe_clusters(clusters=clusters)["clusters"] if clusters else []) if c["status"] == "ACTIVE"]
services = [s for c in clusters for s in (
    lambda arns: ecs.describe_services(cluster=c["clusterArn"], services=arns)["services"] if arns else []
)(ecs.list_services(cluster=c["clusterArn"])["serviceArns"]) if s["status"] == "ACTIVE"]
definitions = [ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
               for arn in ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]]
balancers = elbv2.describe_load_balancers()["LoadBalancers"]
listeners = [l for b in balancers for l in elbv2.describe_listeners(LoadBalancerArn=b["LoadBalancerArn"])["Listeners"]]
target_groups = elbv2.describe_target_groups()["TargetGroups"]
topics = sns.list_topics()["Topics"]
alarms = cloudwatch.describe_alarms()["MetricAlarms"]
records = [r for z in route53.list_hosted_zones()["HostedZones"]
           for r in route53.list_resource_record_sets(HostedZoneId=z["Id"])["ResourceRecordSets"] if r["Type"] not in ("NS", "SOA")]
roles = [r for r in iam.list_roles()["Roles"] if not r["Path"].startswith("/aws-service-role/")]
secret_list = secrets.list_secrets()["SecretList"]
log_groups = logs.describe_log_groups()["logGroups"]
group_names = {group["GroupId"]: group["GroupName"] for group in groups}


def rules(group):
    found = []
    for rule in group["IpPermissions"]:
        sources = [r["CidrIp"] for r in rule["IpRanges"]] + [group_names.get(p["GroupId"]) for p in rule["UserIdGroupPairs"]]
        found += [[rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), source] for source in sources]
    return sorted(found, key=str)


def attributes(group):
    found = elbv2.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])["Attributes"]
    return {attribute["Key"]: attribute["Value"] for attribute in found}


def balancing_tags(arn):
    return elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]


# Resources that the rehearsal's tagging API does not list.
tagged_by_themselves = {
    "load_balancer": [balancing_tags(b["LoadBalancerArn"]) for b in balancers],
    "target_group": [balancing_tags(g["TargetGroupArn"]) for g in target_groups],
    "listener": [balancing_tags(l["ListenerArn"]) for l in listeners],
    "key_pair": ec2.describe_key_pairs()["KeyPairs"],
    "role": [iam.get_role(RoleName=r["RoleName"])["Role"] for r in roles],
    "database_subnet_group": [rds.list_tags_for_resource(ResourceName=g["DBSubnetGroupArn"])
                              for g in rds.describe_db_subnet_groups()["DBSubnetGroups"]],
}

print(json.dumps({
    "counts": {
        "vpcs": len(vpcs), "subnets": len(subnets), "internet_gateways": len(gateways), "route_tables": len(route_tables),
        "security_groups": len(groups), "key_pairs": len(ec2.describe_key_pairs()["KeyPairs"]), "instances": len(instances),
        "database_subnet_groups": len(rds.describe_db_subnet_groups()["DBSubnetGroups"]), "databases": len(databases),
        "secrets": len(secret_list), "roles": len(roles), "log_groups": len(log_groups), "task_definitions": len(definitions),
        "clusters": len(clusters), "services": len(services), "load_balancers": len(balancers),
        "target_groups": len(target_groups), "listeners": len(listeners), "topics": len(topics),
        "subscriptions": len(sns.list_subscriptions()["Subscriptions"]), "alarms": len(alarms),
        "certificates": len(acm.list_certificates()["CertificateSummaryList"]), "records": len(records),
    },
    "vpcs": [[v["CidrBlock"],
              ec2.describe_vpc_attribute(VpcId=v["VpcId"], Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"],
              ec2.describe_vpc_attribute(VpcId=v["VpcId"], Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"],
              sorted(tags(v))] for v in vpcs],
    "subnets": sorted([s["CidrBlock"] for s in subnets]),
    "zones": len({s["AvailabilityZone"] for s in subnets}),
    "attached": [[a["VpcId"] for a in g["Attachments"]] == [vpcs[0]["VpcId"]] for g in gateways],
    "routes": [[r.get("DestinationCidrBlock"), r.get("GatewayId", "")[:4]] for t in route_tables for r in t["Routes"]],
    "associations": sum(1 for t in route_tables for a in t["Associations"] if a.get("SubnetId")),
    "security_groups": {g["GroupName"]: rules(g) for g in groups},
    "instances": [{
        "type": i["InstanceType"], "state": i["State"]["Name"], "public": "PublicIpAddress" in i, "name": tags(i).get("Name"),
        "groups": [g["GroupName"] for g in i["NetworkInterfaces"][0]["Groups"]], "key": i["KeyName"],
    } for i in instances],
    "databases": [{
        "engine": d["Engine"], "version": d["EngineVersion"], "public": d["PubliclyAccessible"], "encrypted": d["StorageEncrypted"],
        "upgrades": d["AutoMinorVersionUpgrade"], "backup_days": d["BackupRetentionPeriod"], "protected": d["DeletionProtection"],
        "multi_az": d["MultiAZ"], "storage": d["AllocatedStorage"], "class": d["DBInstanceClass"],
        "groups": [group_names.get(g["VpcSecurityGroupId"]) for g in d["VpcSecurityGroups"]],
    } for d in databases],
    "secrets": sorted(s["Name"] for s in secret_list),
    "jdbc_is_secret": [json.dumps(d).count("jdbc:postgresql") == 0 for d in definitions],
    "task_definitions": [{
        "cpu": d["cpu"], "memory": d["memory"], "network": d["networkMode"], "fargate": d["requiresCompatibilities"],
        "role": d["executionRoleArn"].rsplit("/", 1)[-1], "image": d["containerDefinitions"][0]["image"],
        "limit": d["containerDefinitions"][0]["memory"],
        "port": d["containerDefinitions"][0]["portMappings"][0]["containerPort"],
        "environment": sorted(e["name"] for e in d["containerDefinitions"][0]["environment"]),
        "secrets": sorted(s["name"] for s in d["containerDefinitions"][0]["secrets"]),
        "log_driver": d["containerDefinitions"][0]["logConfiguration"]["logDriver"],
    } for d in definitions],
    "retention": [g.get("retentionInDays") for g in log_groups],
    "load_balancers": [{
        "type": b["Type"], "scheme": b["Scheme"], "zones": len(b["AvailabilityZones"]),
        "groups": [group_names.get(g) for g in b["SecurityGroups"]],
    } for b in balancers],
    "listeners": [[l["Protocol"], l["Port"], len(l["Certificates"]), l["DefaultActions"][0]["Type"]] for l in listeners],
    "target_groups": [{
        "type": g["TargetType"], "port": g["Port"], "path": g["HealthCheckPath"],
        "sticky": attributes(g).get("stickiness.enabled"), "stickiness": attributes(g).get("stickiness.type"),
    } for g in target_groups],
    "services": [{
        "launch": s["launchType"], "subnets": len(s["networkConfiguration"]["awsvpcConfiguration"]["subnets"]),
        "groups": [group_names.get(g) for g in s["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]],
        "public": s["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"],
        "targets": len(s["loadBalancers"]), "desired": s["desiredCount"],
    } for s in services],
    "alarms": sorted([a["Namespace"], a["MetricName"], a["ComparisonOperator"], a["Threshold"], a["Period"], a["EvaluationPeriods"],
                      len(a["AlarmActions"])] for a in alarms),
    "records": sorted([r["Type"], "AliasTarget" in r] for r in records),
    "tagged": sorted(m["ResourceARN"] for page in tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": "flow:deployment"}])
                     for m in page["ResourceTagMappingList"]),
    "tagged_by_themselves": {kind: len(ours(found)) for kind, found in tagged_by_themselves.items()},
    "snapshots": len(rds.describe_db_snapshots()["DBSnapshots"]),
}))
