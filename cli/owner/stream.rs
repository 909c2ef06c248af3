//! The items of an operation that streams.

use api::Fault;
use futures::{StreamExt, stream::BoxStream};
use serde::de::DeserializeOwned;

use super::errors::{failed, of_json};
use crate::{
    exit::CliError,
    home::Home,
    wire::client::{ClientError, ItemStream},
};

/// The items of an operation, local or remote.
pub enum Stream<T> {
    Local(BoxStream<'static, Result<T, Fault>>),
    /// The items, and the home of the owner that sends them.
    Remote(ItemStream<T>, Home),
    /// The items that are polled from Step Functions, as JSON.
    Polled(BoxStream<'static, Result<serde_json::Value, CliError>>),
}

impl<T: DeserializeOwned> Stream<T> {
    /// The next item; `None` after the last.
    ///
    /// # Errors
    /// The operation's fault, or the owner is gone or silent.
    pub async fn next(&mut self) -> Result<Option<T>, StreamError> {
        match self {
            Stream::Local(items) => items.next().await.transpose().map_err(|fault| StreamError::Failed(fault.into())),
            Stream::Remote(items, home) => items.next().await.map_err(|error| match error {
                ended @ (ClientError::Absent(_) | ClientError::Gone(_) | ClientError::Ending(_)) => {
                    StreamError::Gone(ended)
                }
                other => StreamError::Failed(failed(home, other)),
            }),
            Stream::Polled(items) => match items.next().await.transpose().map_err(StreamError::Failed)? {
                Some(item) => Ok(Some(of_json(item).map_err(StreamError::Failed)?)),
                None => Ok(None),
            },
        }
    }
}

/// Why a stream has no next item.
#[derive(Debug)]
pub enum StreamError {
    /// The owner has ended or is about to end. Another owner may continue.
    Gone(ClientError),
    /// Any other error.
    Failed(CliError),
}
