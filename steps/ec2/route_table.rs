//! Route tables, their routes and their associations with subnets.

use std::sync::Arc;

use aws_sdk_ec2::types::{ResourceType, Route, RouteState, RouteTable};
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{change_of_part, deleted, filter, of_deployment};
use crate::{
    Environment, Nothing,
    failure::{failure, failure_for},
    found_tags,
    outcome::earlier_call_may_be_listed,
    planned::is_unknown,
    tags::{Tags, only_one},
};

const RESOURCE_TYPE: &str = "AWS::EC2::RouteTable";
const ROUTE: &str = "AWS::EC2::Route";
const ASSOCIATION: &str = "AWS::EC2::SubnetRouteTableAssociation";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:createRouteTable",
        "Creates the deployment's route table.",
        ["ec2:DescribeRouteTables", "ec2:CreateRouteTable", "ec2:CreateTags"],
        create_route_table
    );
    step!(
        registry,
        environment,
        "ec2:createRoute",
        "Routes addresses to the internet gateway.",
        ["ec2:DescribeRouteTables", "ec2:CreateRoute", "ec2:ReplaceRoute"],
        create_route
    );
    step!(
        registry,
        environment,
        "ec2:associateRouteTable",
        "Makes a subnet use the route table.",
        ["ec2:DescribeRouteTables", "ec2:AssociateRouteTable", "ec2:ReplaceRouteTableAssociation"],
        associate_route_table
    );
    step!(
        registry,
        environment,
        "ec2:disassociateRouteTable",
        "Ends a subnet's use of the route table.",
        ["ec2:DisassociateRouteTable"],
        disassociate_route_table
    );
    step!(registry, environment, "ec2:deleteRoute", "Deletes a route.", ["ec2:DeleteRoute"], delete_route);
    step!(
        registry,
        environment,
        "ec2:deleteRouteTable",
        "Deletes the route table.",
        ["ec2:DeleteRouteTable"],
        delete_route_table
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateRouteTable {
    deployment: String,
    vpc_id: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RouteTableId {
    route_table_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateRoute {
    route_table_id: String,
    /// The addresses, such as `0.0.0.0/0`.
    destination_cidr: String,
    internet_gateway_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AssociateRouteTable {
    route_table_id: String,
    subnet_id: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AssociationId {
    association_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeleteRoute {
    route_table_id: String,
    destination_cidr: String,
}

async fn create_route_table(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateRouteTable,
) -> StepResult<RouteTableId> {
    let found = environment
        .ec2_reads()
        .describe_route_tables()
        .filters(of_deployment(&input.deployment))
        .filters(filter("vpc-id", &input.vpc_id))
        .send()
        .await
        .map_err(|error| failure_for(&context, &input.vpc_id, "ec2:DescribeRouteTables", error))?;
    let found = found.route_tables.unwrap_or_default();
    let (id, change) = match only_one("route table", &input.deployment, found, RouteTable::route_table_id)? {
        Some(table) => {
            let id = table.route_table_id().unwrap_or_default().to_owned();
            let change = found_tags!(table.tags()).change(&context, &id);
            (id, change)
        }
        None => {
            if let Some(answer) = earlier_call_may_be_listed(&context) {
                return Ok(answer);
            }
            let tags = Tags::new(&context, &input.deployment).named(&input.deployment);
            let answer = environment
                .ec2()
                .create_route_table()
                .vpc_id(&input.vpc_id)
                .client_token(&context.token)
                .tag_specifications(tags.ec2_specification(ResourceType::RouteTable))
                .send()
                .await
                .map_err(|error| failure_for(&context, &input.vpc_id, "ec2:CreateRouteTable", error))?;
            let id = answer.route_table().and_then(RouteTable::route_table_id).unwrap_or_default();
            (id.to_owned(), ChangeAction::Created)
        }
    };
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &id).named(&input.deployment);
    Ok(Answer::with_change(RouteTableId { route_table_id: id }, resource_change))
}

async fn create_route(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateRoute,
) -> StepResult<RouteTableId> {
    let id = input.route_table_id.clone();
    let link = format!("{id} {}", input.destination_cidr);
    let existing = find_route(&environment, &context, &input).await?;
    let ec2 = environment.ec2();
    let change = match existing {
        Some(route)
            if route.gateway_id() == Some(input.internet_gateway_id.as_str())
                && route.state() != Some(&RouteState::Blackhole) =>
        {
            change_of_part(&context, &id, &link)
        }
        Some(route) => {
            environment.differs(
                "internetGatewayId",
                route.gateway_id().unwrap_or("another target"),
                &input.internet_gateway_id,
            );
            ec2.replace_route()
                .route_table_id(&id)
                .destination_cidr_block(&input.destination_cidr)
                .gateway_id(&input.internet_gateway_id)
                .send()
                .await
                .map_err(|error| failure_for(&context, &id, "ec2:ReplaceRoute", error))?;
            ChangeAction::Updated
        }
        None => {
            ec2.create_route()
                .route_table_id(&id)
                .destination_cidr_block(&input.destination_cidr)
                .gateway_id(&input.internet_gateway_id)
                .send()
                .await
                .map_err(|error| failure_for(&context, &id, "ec2:CreateRoute", error))?;
            ChangeAction::Created
        }
    };
    Ok(Answer::with_change(RouteTableId { route_table_id: id }, ResourceChange::new(change, ROUTE, link)))
}

async fn find_route(
    environment: &Environment,
    context: &StepContext,
    input: &CreateRoute,
) -> Result<Option<Route>, StepError> {
    let id = &input.route_table_id;
    if is_unknown(id) {
        return Ok(None);
    }
    let found = environment.ec2_reads().describe_route_tables().route_table_ids(id).send().await;
    let found = found.map_err(|error| failure_for(context, id, "ec2:DescribeRouteTables", error))?;
    let mut routes = found.route_tables().iter().flat_map(RouteTable::routes);
    Ok(routes.find(|route| goes_to(route, &input.destination_cidr)).cloned())
}

fn goes_to(route: &Route, cidr: &str) -> bool {
    route.destination_cidr_block() == Some(cidr) || route.destination_ipv6_cidr_block() == Some(cidr)
}

async fn associate_route_table(
    environment: Arc<Environment>,
    context: StepContext,
    input: AssociateRouteTable,
) -> StepResult<AssociationId> {
    let table_id = &input.route_table_id;
    let (association_id, change) = match find_association(&environment, &input.subnet_id).await? {
        Some((found_table, association_id)) if found_table == *table_id => {
            let change = change_of_part(&context, table_id, &association_id);
            (association_id, change)
        }
        Some((found_table, association_id)) => {
            environment.differs("routeTableId", found_table, table_id);
            let answer = environment
                .ec2()
                .replace_route_table_association()
                .association_id(association_id)
                .route_table_id(table_id)
                .send()
                .await
                .map_err(|error| failure_for(&context, table_id, "ec2:ReplaceRouteTableAssociation", error))?;
            (answer.new_association_id.unwrap_or_default(), ChangeAction::Updated)
        }
        None => {
            let answer = environment
                .ec2()
                .associate_route_table()
                .route_table_id(table_id)
                .subnet_id(&input.subnet_id)
                .send()
                .await
                .map_err(|error| failure_for(&context, table_id, "ec2:AssociateRouteTable", error))?;
            (answer.association_id.unwrap_or_default(), ChangeAction::Created)
        }
    };
    let resource_change = ResourceChange::new(change, ASSOCIATION, &association_id);
    Ok(Answer::with_change(AssociationId { association_id }, resource_change))
}

/// The route table that the subnet explicitly uses, with the id of the association.
async fn find_association(environment: &Environment, subnet_id: &str) -> Result<Option<(String, String)>, StepError> {
    let found = environment
        .ec2_reads()
        .describe_route_tables()
        .filters(filter("association.subnet-id", subnet_id))
        .send()
        .await
        .map_err(|error| failure("ec2:DescribeRouteTables", error))?;
    let associations = found.route_tables().iter().flat_map(RouteTable::associations);
    let of_subnet = associations.into_iter().find(|association| association.subnet_id() == Some(subnet_id));
    Ok(of_subnet
        .and_then(|found| Some((found.route_table_id()?.to_owned(), found.route_table_association_id()?.to_owned()))))
}

async fn disassociate_route_table(
    environment: Arc<Environment>,
    context: StepContext,
    input: AssociationId,
) -> StepResult<Nothing> {
    let answer = environment.ec2().disassociate_route_table().association_id(&input.association_id).send().await;
    deleted(&context, (ASSOCIATION, &input.association_id), "ec2:DisassociateRouteTable", answer)
}

async fn delete_route(environment: Arc<Environment>, context: StepContext, input: DeleteRoute) -> StepResult<Nothing> {
    let call = environment.ec2().delete_route().route_table_id(&input.route_table_id);
    let answer = call.destination_cidr_block(&input.destination_cidr).send().await;
    deleted(
        &context,
        (ROUTE, &format!("{} {}", input.route_table_id, input.destination_cidr)),
        "ec2:DeleteRoute",
        answer,
    )
}

async fn delete_route_table(
    environment: Arc<Environment>,
    context: StepContext,
    input: RouteTableId,
) -> StepResult<Nothing> {
    let answer = environment.ec2().delete_route_table().route_table_id(&input.route_table_id).send().await;
    deleted(&context, (RESOURCE_TYPE, &input.route_table_id), "ec2:DeleteRouteTable", answer)
}
