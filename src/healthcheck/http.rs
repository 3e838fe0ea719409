//! One GET, of which only the status counts. Plain HTTP/1.1; redirects are not followed.

use std::{io, time::Duration};

use hyper::{
    Request,
    client::conn::http1,
    header::{CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::{config::endpoint::Endpoint, phrase};

/// Why there is no status.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error("no answer in time")]
    Silent,
    #[error("the name `{0}` cannot be resolved")]
    Name(String),
    #[error("{}", phrase::system(.0))]
    Connect(io::Error),
    #[error("the answer is not HTTP, or was cut off")]
    Answer(#[from] hyper::Error),
    #[error("the URL cannot be asked")]
    Request(#[from] hyper::http::Error),
}

/// Asks once and returns the status. The server may know us by `User-Agent: app-init/VERSION`.
pub(super) async fn status(endpoint: &Endpoint, limit: Duration) -> Result<u16, HttpError> {
    timeout(limit, ask(endpoint)).await.unwrap_or(Err(HttpError::Silent))
}

async fn ask(endpoint: &Endpoint) -> Result<u16, HttpError> {
    let unknown = |_| HttpError::Name(endpoint.host.clone());
    let addresses = lookup_host((endpoint.host.as_str(), endpoint.port)).await.map_err(unknown)?;
    let addresses: Vec<_> = addresses.collect();
    // Each in turn: `localhost` may be ::1 first, where many servers do not listen.
    let stream = TcpStream::connect(&addresses[..]).await.map_err(HttpError::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&endpoint.path)
        .header(HOST, &endpoint.authority)
        .header(USER_AGENT, concat!("app-init/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(String::new())?;
    let mut connection = Box::pin(connection);
    let mut answer = Box::pin(sender.send_request(request));
    tokio::select! {
        biased;
        answer = &mut answer => Ok(answer?.status().as_u16()),
        // The connection is done, and with it the answer, as it will ever be.
        _ = &mut connection => Ok(answer.await?.status().as_u16()),
    }
}
