//! Names to addresses (`lookup`) to a connected socket, each part bounded.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use rustix::net::sockopt;
use tokio::{
    net::{TcpStream, UnixStream},
    task::JoinSet,
    time::{sleep, timeout},
};

pub(crate) use super::lookup::resolve;
use crate::{
    config::database::Keepalive,
    diagnose::{Facts, Row, names, network, table},
    dns, phrase,
};

/// How long the next address waits for the one before it; RFC 8305 recommends 100 ms to 2 s.
const HEAD_START: Duration = Duration::from_millis(150);

/// Why there is no socket.
#[derive(Debug)]
pub(crate) struct SocketError {
    pub(crate) row: &'static Row,
    pub(crate) addresses: Vec<String>,
    /// The operating system's words, or who was asked for a name; for rows that show them.
    pub(crate) text: String,
}

impl SocketError {
    pub(super) fn new(row: &'static Row) -> Self {
        Self { row, addresses: Vec::new(), text: String::new() }
    }

    /// What is known, for the words about this host.
    pub(crate) fn facts(&self, host: &str, port: u16) -> Facts {
        let shown = self.addresses.join(", ");
        Facts {
            host: host.to_owned(),
            port: port.to_string(),
            addresses: if shown.is_empty() { host.to_owned() } else { shown },
            text: self.text.clone(),
            remark: names::remark(self.row, host).to_owned(),
            ..Facts::default()
        }
    }
}

/// Connects to the first address that answers; they are raced, each with a head start.
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    bound: Duration,
    local: bool,
) -> Result<TcpStream, SocketError> {
    let outcome = timeout(bound, race(addresses)).await;
    let shown = || addresses.iter().map(|address| address.ip().to_string()).collect();
    match outcome {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(SocketError {
            row: network::connecting(&error, local),
            addresses: shown(),
            text: phrase::system(&error),
        }),
        Err(_) => {
            Err(SocketError { row: &table::TIMEOUT, addresses: shown(), text: String::new() })
        }
    }
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    // The usual case, without a task: it is half of what a refused try costs.
    if let [address] = addresses {
        return open(*address).await;
    }
    let mut running = JoinSet::new();
    let mut waiting = addresses.iter().copied();
    let mut failed: Option<io::Error> = None;
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            running.spawn(open(address));
        } else if running.is_empty() {
            return Err(failed.unwrap_or_else(|| io::ErrorKind::NotFound.into()));
        }
        let error = tokio::select! {
            Some(ended) = running.join_next() => match ended.map_err(io::Error::other)? {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            },
            () = sleep(HEAD_START), if next.is_some() => continue,
        };
        failed = Some(more_telling(failed, error));
    }
}

/// Connects to one address, never to itself.
///
/// Whoever polls a port of his own machine that nobody listens on may be given that very port as
/// source, and TCP then connects the socket to itself (RFC 9293, 3.5, simultaneous open).
async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if stream.local_addr()? != stream.peer_addr()? {
        return Ok(stream);
    }
    // Closed with a reset, so that the port is free at once for the server that wants it.
    let _ = sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    Err(io::ErrorKind::ConnectionRefused.into())
}

/// A refusal says more than a missing route, which is how a host without IPv6 answers.
fn more_telling(earlier: Option<io::Error>, later: io::Error) -> io::Error {
    let rank = |error: &io::Error| network::connecting(error, false).rank;
    match earlier {
        Some(earlier) if rank(&earlier) >= rank(&later) => earlier,
        _ => later,
    }
}

/// Connects to the socket that a server keeps in `directory`.
pub(crate) async fn connect_unix(path: &Path, bound: Duration) -> Result<UnixStream, SocketError> {
    let error = match timeout(bound, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => error,
        Err(_) => return Err(SocketError::new(&table::SILENT)),
    };
    let directory = path.parent().is_some_and(Path::is_dir);
    let row = network::connecting_socket(&error, directory);
    Err(SocketError { row, addresses: Vec::new(), text: phrase::system(&error) })
}

/// Applies the text's keepalive wishes; a kernel that knows none of them is no reason to fail.
pub(super) fn keep_alive(stream: &TcpStream, wishes: &Keepalive) {
    // Messages are small and answered: waiting for more of them only costs time.
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(stream, !wishes.off);
    if let Some(idle) = wishes.idle {
        let _ = sockopt::set_tcp_keepidle(stream, idle);
    }
    if let Some(interval) = wishes.interval {
        let _ = sockopt::set_tcp_keepintvl(stream, interval);
    }
    if let Some(retries) = wishes.retries {
        let _ = sockopt::set_tcp_keepcnt(stream, retries);
    }
    if let Some(limit) = wishes.user_timeout {
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        let _ = sockopt::set_tcp_user_timeout(stream, milliseconds);
    }
}

/// What the server's certificate has to be for: an address in its usual form, or the name as it is.
pub(crate) fn name_for_tls(host: &str) -> String {
    dns::address(host).map_or_else(|| host.to_owned(), |address| address.to_string())
}

/// Whether a host name means the container itself.
pub(crate) fn is_local(name: &str) -> bool {
    name == "localhost" || dns::address(name).is_some_and(|address| address.is_loopback())
}
