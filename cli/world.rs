//! The client side of a rehearsal's world: finds a running one, or starts one.

use std::{
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::Duration,
};

use rehearsal::World;
use steps::RehearsalAddresses;

use crate::{exit::CliError, home::Home};

/// The default speed of a rehearsal: ten minutes take ten seconds.
pub const SPEED_DEFAULT: f64 = 60.0;
/// The command that serves a world: the first word after the program's name.
pub const ARGUMENT: &str = "rehearsal-world";
/// The first start creates a Python environment, which takes a while.
const START_WAIT_MAX: Duration = Duration::from_secs(600);
const START_WAIT_STEP: Duration = Duration::from_millis(100);

/// Why an execution whose world has ended cannot continue.
pub const ENDED: &str = "the world of this rehearsal has ended, and what was made in it is gone with it";

/// The addresses of a world, for the steps. `rehearsal` and `steps` do not use each other, so each has a type of its own.
pub fn addresses(world: World) -> RehearsalAddresses {
    RehearsalAddresses {
        aws_endpoint: world.aws_endpoint,
        region: world.region,
        dns_server: world.dns_server,
        ssh_server: world.ssh_server,
        https_server: world.https_server,
        https_root_certificate_pem: world.https_root_certificate_pem,
        speed: world.speed,
    }
}

/// The running world of a home, or a new one in its own process.
///
/// # Errors
/// It cannot be started. The error contains its own output.
pub async fn ensure(home: &Home, speed: f64, say: &dyn Fn(&str)) -> Result<World, CliError> {
    if let Some(world) = living(home).await {
        return Ok(world);
    }
    say(
        "Preparing the rehearsal: an AWS API, DNS, SSH and HTTPS on this machine. The first time this takes about a minute. \
         Their process, flow rehearsal-world, ends 30 minutes after its last call.",
    );
    home.make()?;
    let path = home.folder().join("world.log");
    let is_first = !path.exists();
    let mut log = std::fs::OpenOptions::new().create(true).append(true).read(true).open(&path)?;
    let from = log.seek(SeekFrom::End(0))?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg(ARGUMENT)
        .args(["--home".as_ref(), home.folder().as_os_str()])
        .args(["--speed", &speed.to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    let mut lines = BufReader::new(std::fs::File::open(&path)?);
    lines.seek(SeekFrom::Start(from))?;
    let deadline = std::time::Instant::now() + START_WAIT_MAX;
    let mut last = String::new();
    loop {
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            last = line.trim().to_owned();
            say(&last);
            line.clear();
        }
        if let Some(world) = living(home).await {
            if !is_first {
                // What the earlier executions in `flow status` created ended with their world.
                say("This is a new rehearsal world: nothing exists in it.");
            }
            return Ok(world);
        }
        if child.try_wait()?.is_some() {
            return Err(CliError::refused(format!("the world of the rehearsal did not start: {last}")));
        }
        if std::time::Instant::now() > deadline {
            return Err(CliError::refused(format!(
                "the world of the rehearsal takes too long to start; see {}",
                path.display()
            )));
        }
        tokio::time::sleep(START_WAIT_STEP).await;
    }
}

/// The world of a home, if it answers.
pub async fn living(home: &Home) -> Option<World> {
    let world = World::read(home.folder()).ok().flatten()?;
    world.answers().await.then_some(world)
}
