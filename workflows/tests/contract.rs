//! The contract of the steps that definitions call: name | required fields | optional fields | output fields.

pub(super) struct Contract {
    pub name: &'static str,
    pub required: Vec<&'static str>,
    pub optional: Vec<&'static str>,
    pub output: Vec<&'static str>,
}

pub(super) fn find(resource: &str) -> Option<Contract> {
    let name = resource.strip_prefix("flow:")?;
    TABLE.lines().map(contract_of).find(|contract| contract.name == name)
}

fn contract_of(line: &'static str) -> Contract {
    let mut columns = line.split('|').map(str::trim);
    let name = columns.next().unwrap();
    let mut fields = || columns.next().unwrap_or_default().split_whitespace().collect();
    Contract { name, required: fields(), optional: fields(), output: fields() }
}

pub(super) fn is_wait(resource: &str) -> bool {
    resource.contains(":waitFor") || resource == "flow:acm:describeValidation"
}

const TABLE: &str = "\
sts:getCallerIdentity | | | account arn userId partition region
ec2:describeAvailabilityZones | count | | zones
ec2:chooseZones | count databaseInstanceClass databaseVersion databaseStorageType databaseMultiAz bastionInstanceType | availabilityZones | zones
preflight:checkDomain | domain hostedZoneId overwrite loadBalancerName | | isDelegated notes
preflight:checkChanges | deployment targetGroupName vpcId vpcCidr bastionName bastionInstanceType bastionRelease bastionKeyName databaseIdentifier databaseUsername databaseVersion databaseAllocatedStorageGib domain certificateValidation topicName alarmsEmail | vpcSubnetCidrs vpcAvailabilityZones groups | notes
ec2:findBastion | deployment name keyName vpcId groupName databaseGroupId | | instanceIds keyPairIds groupIds groupsToClose stays
ec2:revokeIngressFromGroup | groupId sourceGroupId | ruleIds |
ec2:findKeyPair | deployment keyName | publicKey | publicKey
cloudwatch:findAlarms | deployment names | | names
sns:findTopic | deployment name | | topicArns
route53:findHostedZone | domain | hostedZoneId | found hostedZoneId zoneName isApex
preflight:checkNames | deployment loadBalancerName targetGroupName databaseIdentifier databaseSubnetGroupName clusterName roleName secretNames logGroupName alarmNames | topicName keyPairName | free ours
preflight:checkFargateSize | cpu memoryMib containerMemoryMib | | cpu memoryMib memoryLeftForSystemMib
acm:requestCertificate | deployment domain validationMethod | | certificateArn
acm:describeValidation | certificateArn | | name type value
acm:waitForCertificate | certificateArn domain validationMethod | instructions record | certificateArn status notAfter
acm:useCertificate | certificateArn domain | | certificateArn status notAfter
acm:claimValidationRecord | certificateArn hostedZoneId name type | |
route53:upsertRecord | deployment hostedZoneId name type value ttlSeconds | | name recordId changeId
route53:createAlias | deployment hostedZoneId name dnsName canonicalHostedZoneId overwrite | | name recordId changeId
route53:waitForChange | changeId | recordId | status
dns:waitForRecord | name target hostedZoneFound | | answers
ec2:createVpc | deployment cidr | | vpcId cidr
ec2:waitForVpc | vpcId | | vpcId
ec2:enableVpcDnsSupport | vpcId | | vpcId
ec2:enableVpcDnsHostnames | vpcId | | vpcId
ec2:useVpc | vpcId | subnetIds deployment loadBalancerName | vpcId cidr subnetIds
ec2:createSubnet | deployment name vpcId cidr availabilityZone | | subnetId availabilityZone cidr
ec2:waitForSubnet | subnetId | | subnetId
ec2:createInternetGateway | deployment | | internetGatewayId
ec2:attachInternetGateway | internetGatewayId vpcId | | internetGatewayId
ec2:createRouteTable | deployment vpcId | | routeTableId
ec2:createRoute | routeTableId destinationCidr internetGatewayId | | routeTableId
ec2:associateRouteTable | routeTableId subnetId | | associationId
ec2:createSecurityGroup | deployment vpcId name description | | groupId name
ec2:authorizeIngress | groupId protocol fromPort toPort description | cidr sourceGroupId | securityGroupRuleId earlierRuleIds
ec2:useKeyPair | keyName | | keyName keyPairId
ec2:importKeyPair | deployment keyName publicKey | | keyName keyPairId
ssh:generateKey | deployment keyName | existingPublicKey | publicKey privateKeyFile notes
ssh:readPublicKey | publicKeyFile | | publicKey privateKeyFile
ec2:findUbuntuImage | release architecture | | imageId name rootDeviceName rootVolumeGib
ec2:runInstance | deployment name imageId instanceType subnetId groupIds keyName | rootDeviceName rootVolumeGib release | instanceId
ec2:waitForInstanceRunning | instanceId | | instanceId publicIp privateIp
ec2:waitForInstanceStatus | instanceId | | instanceId
ssh:waitForLogin | host user privateKeyFile | port | host serverBanner loggedIn
rds:createSubnetGroup | deployment name description subnetIds | | name
secretsmanager:createPassword | deployment name username | | secretArn name
rds:createDatabase | deployment identifier engineVersion instanceClass allocatedStorageGib storageType multiAz subnetGroupName groupIds passwordSecretArn backupRetentionDays deletionProtection | | identifier arn isModified
rds:waitForDatabase | identifier | isModified | identifier address port engineVersion allocatedStorageGib dbiResourceId
secretsmanager:createJdbcUrl | deployment name passwordSecretArn address port databaseName | | secretArn name
iam:createServiceLinkedRole | service | |
iam:createRole | deployment name service | | roleArn name
iam:attachRolePolicy | roleName policyArn | |
iam:putRolePolicy | roleName policyName secretArns | |
logs:createLogGroup | deployment name | | name
logs:putRetentionPolicy | name retentionDays | |
ecs:createCluster | deployment name | | clusterArn name
ecs:registerTaskDefinition | deployment family cpu memoryMib containerName containerMemoryMib image port environment secrets executionRoleArn logGroup | | taskDefinitionArn revision
elbv2:createLoadBalancer | deployment name subnetIds groupIds | domain | loadBalancerArn dnsName canonicalHostedZoneId
elbv2:waitForLoadBalancer | loadBalancerArn | | loadBalancerArn
elbv2:createTargetGroup | deployment name vpcId port healthCheckPath | | targetGroupArn
elbv2:enableStickiness | targetGroupArn durationSeconds | |
elbv2:createListener | deployment loadBalancerArn certificateArn targetGroupArn | | listenerArn
ecs:createService | deployment name clusterArn taskDefinitionArn subnetIds groupIds targetGroupArn containerName containerPort desiredCount | | serviceArn serviceName
ecs:waitForService | clusterArn serviceName taskDefinitionArn targetGroupArn logGroup | | runningCount desiredCount healthyTargets
sns:createTopic | deployment name | | topicArn
sns:subscribeEmail | topicArn email | | subscriptionArn pendingConfirmation otherEmails
cloudwatch:putAlarm | deployment name description namespace metricName dimensions statistic periodSeconds evaluationPeriods datapointsToAlarm threshold comparisonOperator treatMissingData topicArn | | name
https:waitForAnswer | url | | status url
teardown:find | deployment | | alarmNames topicArns services records listenerArns loadBalancerArns targetGroupArns taskDefinitionArns clusterArns logGroupNames roles secretArns databases databaseSubnetGroupNames instanceIds keyPairIds securityGroups routeTables internetGateways subnetIds vpcIds certificateArns total stays
teardown:checkDeletions | deployment finalSnapshot databaseIdentifiers instanceIds groupIds subnetIds vpcIds | | notes stays
teardown:waitForNothingLeft | deployment | | stays
cloudwatch:deleteAlarms | names | |
sns:deleteTopic | topicArn | |
ecs:scaleServiceToZero | clusterArn serviceName | |
ecs:deleteService | clusterArn serviceName | |
ecs:waitForServiceInactive | clusterArn serviceName | |
route53:deleteRecord | hostedZoneId name type | |
elbv2:deleteListener | listenerArn | |
elbv2:deleteLoadBalancer | loadBalancerArn | |
elbv2:waitForLoadBalancerDeleted | loadBalancerArn | |
elbv2:deleteTargetGroup | targetGroupArn | |
ecs:deregisterTaskDefinition | taskDefinitionArn | |
ecs:deleteCluster | clusterArn | |
logs:deleteLogGroup | name | |
iam:detachRolePolicy | roleName policyArn | |
iam:deleteRolePolicy | roleName policyName | |
iam:deleteRole | roleName | |
secretsmanager:deleteSecret | secretArn | |
rds:disableDeletionProtection | identifier | |
rds:deleteDatabase | deployment identifier finalSnapshot | databaseArn | finalSnapshotIdentifier
rds:waitForDatabaseDeleted | identifier | |
rds:deleteSubnetGroup | name | |
ec2:terminateInstance | instanceId | |
ec2:waitForInstanceTerminated | instanceId | |
ec2:deleteKeyPair | keyPairId | |
ec2:revokeAllIngress | groupId | ruleIds |
ec2:revokeReplacedIngress | groupId description cidr | ruleIds |
ec2:deleteSecurityGroup | groupId | |
ec2:disassociateRouteTable | associationId | |
ec2:deleteRoute | routeTableId destinationCidr | |
ec2:deleteRouteTable | routeTableId | |
ec2:detachInternetGateway | internetGatewayId vpcId | |
ec2:deleteInternetGateway | internetGatewayId | |
ec2:deleteSubnet | subnetId | |
ec2:deleteVpc | vpcId | |
acm:deleteCertificate | certificateArn | |";
