//! stub by the lead, so that the command line compiles: C2 overwrites this file.
#![allow(missing_docs)]
use std::{net::SocketAddr, path::{Path, PathBuf}, time::Duration};
pub struct WorldOptions { pub cache_directory: PathBuf, pub state_directory: PathBuf, pub speed: f64, pub domain: String, pub idle_exit: Duration, pub python: String }
pub struct World { pub id: String, pub pid: u32, pub moto_pid: u32, pub aws_endpoint: String, pub moto_endpoint: String, pub ssh_server: SocketAddr, pub dns_server: SocketAddr, pub https_server: SocketAddr, pub https_root_certificate_pem: String, pub region: String, pub domain: String, pub started_at_ms: u64, pub speed: f64 }
impl World { pub fn read(_: &Path) -> Result<Option<World>, std::io::Error> { Ok(None) } pub async fn answers(&self) -> bool { false } }
pub async fn serve_world(_: WorldOptions, _: &(dyn Fn(&str) + Send + Sync)) -> Result<(), std::io::Error> { Ok(()) }
