//! `flow resume`.

use clap::Args;
use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde_json::{Value, json};

use super::watch::{Watch, watch};
use crate::{
    arguments::{Global, Output},
    environments::Pinned,
    exit::{CliError, Exit},
    place::Place,
    session::{Reader, Session, locate},
    socket::protocol::{List, Which},
    ui::json as lines,
    world,
};

/// Arguments of `flow resume`.
#[derive(Debug, Args)]
pub struct ResumeArguments {
    /// The execution: its id, a unique prefix, or @latest.
    #[arg(required_unless_present = "all")]
    id: Option<String>,
    /// Every execution that has not ended; for cron.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Stop at the first wait with exit code 75.
    #[arg(long)]
    no_wait: bool,
}

/// Goes on with one execution, or with all that have not ended.
pub async fn run(global: &Global, arguments: ResumeArguments) -> Result<Exit, CliError> {
    if global.output == Output::Json {
        say!("{}", lines::version());
    }
    let watching = Watch { no_wait: arguments.no_wait };
    let Some(wanted) = &arguments.id else { return all(global, watching).await };
    let (place, header) = locate(global, wanted).await?;
    one(global, &place, &header, watching).await
}

async fn one(global: &Global, place: &Place, header: &ExecutionHeader, watching: Watch) -> Result<Exit, CliError> {
    if header.status == ExecutionStatus::Succeeded {
        if global.output == Output::Human {
            say!("{} has succeeded: there is nothing to resume", header.id);
        }
        return Ok(Exit::Success);
    }
    if place.rehearsal {
        rehearsal_lives(place, header).await?;
    }
    let mut session = Session::open(place).await?;
    let watched = match session.call::<_, Value>("Flow.Resume", &json!({ "id": header.id })).await {
        Ok(_) => watch(global, place, &mut session, &header.id, watching).await,
        Err(error) => Err(error),
    };
    session.close().await;
    Ok(watched?.exit)
}

async fn rehearsal_lives(place: &Place, header: &ExecutionHeader) -> Result<(), CliError> {
    let pinned = serde_json::from_value::<Pinned>((*header.environment).clone());
    let living = world::living(place).await.map(|world| world.id);
    match pinned {
        Ok(Pinned::Rehearsal { world }) if living.as_ref() != Some(&world) => {
            let message = "the world of this rehearsal has ended, and what was made in it is gone with it";
            Err(CliError::not_found(message).hint("start a new one: flow run endpoints-aws --rehearse"))
        }
        _ => Ok(()),
    }
}

async fn all(global: &Global, watching: Watch) -> Result<Exit, CliError> {
    let place = Place::real(global)?;
    let List { headers, driven } = Reader::open(&place).await?.list(&Which::default()).await?;
    let unfinished = headers.iter().filter(|h| h.status == ExecutionStatus::Running && !driven.contains(&h.id));
    let mut worst = Exit::Success;
    for header in unfinished {
        let exit = one(global, &place, header, watching).await?;
        if exit == Exit::Interrupted {
            return Ok(exit);
        }
        worst = match (worst, exit) {
            (_, Exit::Failed) | (Exit::Failed, _) => Exit::Failed,
            (Exit::Success, exit) => exit,
            (worst, _) => worst,
        };
    }
    Ok(worst)
}
