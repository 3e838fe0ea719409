//! A logged-in session: query it, cancel what it runs.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    net::{TcpStream, UnixStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::{CancelToken, Client, Error, NoTls, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::negotiate::{self, Answer, Stream};

/// How long a request to cancel may take: it is a connection of its own.
const CANCEL: Duration = Duration::from_secs(5);

/// Where a session's server is.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// TLS of a session, to be repeated for its cancel requests.
#[derive(Clone)]
pub(super) struct Encryption {
    pub(super) maker: MakeRustlsConnect,
    pub(super) name: String,
    pub(super) direct: bool,
}

/// A logged-in session. Dropping it closes the connection.
pub(crate) struct Session {
    pub(crate) client: Client,
    driver: JoinHandle<()>,
    /// What ended it by itself.
    end: Arc<OnceLock<Error>>,
    canceller: Canceller,
}

/// Asks the server to cancel what a session runs.
struct Canceller {
    token: CancelToken,
    peer: Peer,
    encryption: Option<Encryption>,
}

impl Session {
    pub(super) fn new(
        client: Client,
        driver: impl Future<Output = Option<Error>> + Send + 'static,
        peer: Peer,
        encryption: Option<Encryption>,
    ) -> Self {
        let end = Arc::new(OnceLock::new());
        let ended = Arc::clone(&end);
        let driver = tokio::spawn(async move {
            if let Some(error) = driver.await {
                drop(ended.set(error)); // it is set only here
            }
        });
        let canceller = Canceller { token: client.cancel_token(), peer, encryption };
        Self { client, driver, end, canceller }
    }

    /// Asks the server to cancel the running query, if any. The query then fails with 57014.
    ///
    /// # Errors
    /// If the server cannot be reached; that it did cancel is only seen in the query's outcome.
    pub(crate) async fn cancel(&self) -> io::Result<()> {
        self.canceller.cancel().await
    }

    /// What the server said as it ended the session between two queries, as it does when it stops,
    /// is told to, or has waited for too long (manual, 55.2.4); `None` if it said nothing. The next query is
    /// only told that the connection is closed.
    pub(crate) fn last_words(&self) -> Option<&Error> {
        self.end.get().filter(|error| error.as_db_error().is_some())
    }

    /// Whether the login was encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.canceller.encryption.is_some()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Canceller {
    /// See `Session::cancel`.
    async fn cancel(&self) -> io::Result<()> {
        timeout(CANCEL, self.request()).await.map_err(io::Error::from)?
    }

    async fn request(&self) -> io::Result<()> {
        let mut stream: Box<dyn Stream> = match &self.peer {
            Peer::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            Peer::Unix(path) => Box::new(UnixStream::connect(path).await?),
        };
        let Some(encryption) = &self.encryption else {
            return self.token.cancel_query_raw(stream, NoTls).await.map_err(io::Error::other);
        };
        if !encryption.direct && negotiate::ask_for_tls(&mut stream).await? != Answer::Encrypt {
            return Err(io::Error::other("the server no longer offers TLS"));
        }
        let mut maker = encryption.maker.clone();
        let tls = MakeTlsConnect::<Box<dyn Stream>>::make_tls_connect(&mut maker, &encryption.name)
            .map_err(io::Error::other)?;
        self.token.cancel_query_raw(stream, tls).await.map_err(io::Error::other)
    }
}
