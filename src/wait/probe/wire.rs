//! A connection to a service: name, TCP, TLS if wanted, then question and answer; all bounded.

use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Seen, tcp};
use crate::{
    diagnose::{Diagnosis, Facts, Row, table},
    postgres::{
        negotiate::Stream,
        socket::{self, SocketError},
        tls,
    },
};

/// How long the service may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Where a service is.
pub(super) struct Place<'a> {
    host: &'a str,
    port: u16,
    /// Verified against the system's roots and the name.
    tls: bool,
    /// What the name resolved to.
    addresses: OnceLock<Vec<String>>,
}

impl<'a> Place<'a> {
    pub(super) fn new(host: &'a str, port: u16, tls: bool) -> Self {
        Self { host, port, tls, addresses: OnceLock::new() }
    }

    pub(super) fn seen(&self, row: &'static Row, text: &str) -> Seen {
        let facts = Facts {
            host: self.host.to_owned(),
            port: self.port.to_string(),
            text: text.to_owned(),
            ..Facts::default()
        };
        let addresses = self.addresses.get().cloned().unwrap_or_default();
        Seen { addresses, ..Seen::new(Diagnosis::new(row, &facts)) }
    }

    /// Connects, encrypted if so wanted.
    pub(super) async fn open(&self) -> Result<Box<dyn Stream>, Seen> {
        let failed = |error: SocketError| tcp::seen(self.host, self.port, error);
        let addresses =
            socket::resolve(self.host, self.port, Duration::from_secs(1)).await.map_err(failed)?;
        let shown = || addresses.iter().map(|address| address.ip().to_string()).collect();
        self.addresses.get_or_init(shown);
        let local = socket::is_local(self.host);
        let stream =
            socket::connect(&addresses, Duration::from_secs(3), local).await.map_err(failed)?;
        if !self.tls {
            return Ok(Box::new(stream));
        }
        let config = tls::of_service().map_err(|why| self.seen(&table::TLS_FILE, &why))?;
        let name = ServerName::try_from(socket::name_for_tls(self.host))
            .map_err(|_| self.seen(&table::TARGET_TLS, "the host name is no TLS name"))?;
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        match timeout(ANSWER, handshake).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(self.tls_failed(&error)),
            Err(_) => Err(self.seen(&table::TARGET_SILENT, "")),
        }
    }

    fn tls_failed(&self, error: &io::Error) -> Seen {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(error) => {
                let (row, text) = tls::row(error);
                self.seen(of_a_service(row), &text)
            }
            None => self.seen(&table::TLS_CUT, ""),
        }
    }

    /// Sends `question` and reads until `enough` says so, the end, or `limit` bytes.
    pub(super) async fn ask(
        &self,
        stream: &mut Box<dyn Stream>,
        question: &[u8],
        limit: usize,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, Seen> {
        let exchange = async {
            stream.write_all(question).await?;
            stream.flush().await?;
            let mut answer = Vec::new();
            let mut buffer = [0; 4096];
            while answer.len() < limit && !enough(&answer) {
                match stream.read(&mut buffer).await {
                    Ok(0) => break,
                    Ok(count) => answer.extend_from_slice(&buffer[..count]),
                    // Servers that close without a farewell of TLS have still answered.
                    Err(_) if !answer.is_empty() => break,
                    Err(error) => return Err(error),
                }
            }
            Ok::<_, io::Error>(answer)
        };
        match timeout(ANSWER, exchange).await {
            Ok(Ok(answer)) if !answer.is_empty() => Ok(answer),
            Ok(_) => Err(self.seen(&table::TARGET_CLOSED, "")),
            Err(_) => Err(self.seen(&table::TARGET_SILENT, "")),
        }
    }
}

/// The row in words for any service: no sslrootcert, no sslmode.
fn of_a_service(row: &'static Row) -> &'static Row {
    match row {
        row if row == &table::TLS_UNTRUSTED => &table::TARGET_UNTRUSTED,
        row if row == &table::TLS_NAME => &table::TARGET_NAME,
        row if row == &table::TLS_CLIENT => &table::TARGET_CLIENT,
        row if row == &table::TLS_FAILED => &table::TARGET_TLS,
        row => row,
    }
}
