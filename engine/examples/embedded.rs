//! The engine as a library: a workflow with a step of one's own, on a store in a folder.
//!
//!     cargo run -p engine --example embedded -- FOLDER

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use engine::runner::{self, NewExecution, RunnerEvent, RunnerOptions, SystemClock};
use engine::step::{Answer, Registry};
use engine::store::{LoggedRecords, OwnerLock, Store};
use serde_json::json;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Greeting {
    name: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = PathBuf::from(std::env::args().nth(1).ok_or("usage: embedded FOLDER")?);
    let _lock = OwnerLock::try_acquire(&home, "embedded")?.ok_or("another process owns the store")?;
    let store = Arc::new(Store::new(LoggedRecords::open(&home.join("store"))?)?);
    let mut steps = Registry::new();
    steps.register("demo:greet", "Greets a person.", &[], |_context, input: Greeting| async move {
        Ok(Answer::done(format!("Hello, {}", input.name)))
    });
    let runner =
        runner::start(store.clone(), Arc::new(steps), Arc::new(SystemClock::default()), RunnerOptions::default());
    runner.recover_all().await?; // continues what an earlier process left
    let definition = json!({"StartAt": "Greet", "States": {
        "Greet": {"Type": "Task", "Resource": "flow:demo:greet", "End": true}}});
    let id = format!("greeting-{}", store.headers()?.len() + 1);
    runner.start_execution(NewExecution::new(&id, "greeting", &definition, json!({"name": "Ada"}))).await?;
    let mut events = runner.follow(&id, 1);
    while let Some(event) = events.next().await? {
        if let RunnerEvent::Settled { header } = event {
            println!("{id}: {:?} {}", header.status, json!(header.output));
            break;
        }
    }
    let stored: Vec<String> = store.headers()?.into_iter().map(|header| header.id).collect();
    println!("in the store: {}", stored.join(", "));
    runner.drain(Duration::from_secs(30)).await;
    Ok(())
}
