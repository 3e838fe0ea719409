//! One try at one host: socket, TLS as `sslmode` says, login, kind of server.

use std::{net::SocketAddr, path::PathBuf, pin::Pin};

use tokio::time::timeout;
use tokio_postgres::{
    Client, NoTls,
    config::{ChannelBinding as DriverBinding, SslMode as DriverMode, SslNegotiation},
    tls::{MakeTlsConnect, TlsConnect},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    Budget, ConnectError, Session,
    error::{io_row, row},
    negotiate::{self, Answer, Guarded, Stream},
    role,
    session::{Encryption, Peer},
    socket, tls,
};
use crate::{
    config::database::{ChannelBinding, Connection, Host, SessionAttributes, SslMode},
    diagnose::{Row, table},
};

/// What one try needs to know.
pub(super) struct Attempt<'a> {
    pub(super) connection: &'a Connection,
    pub(super) host: &'a Host,
    pub(super) application_name: &'a str,
    pub(super) budget: Budget,
}

/// Whether one connection asks for TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encrypt {
    Never,
    IfOffered,
    Always,
}

/// Why one connection failed.
struct Failed {
    row: &'static Row,
    text: String,
    /// The server refused the session itself; `allow` and `prefer` try again the other way.
    by_rule: bool,
    encrypted: bool,
}

impl Failed {
    fn new(row: &'static Row, text: impl Into<String>) -> Self {
        Self { row, text: text.into(), by_rule: false, encrypted: false }
    }

    fn driver(error: &tokio_postgres::Error, encrypted: bool) -> Self {
        let (row, text) = row(error);
        let by_rule = error.code().is_some_and(|code| code.code() == "28000");
        Self { row, text, by_rule, encrypted }
    }
}

impl Attempt<'_> {
    /// Logs in and checks the kind of server, all within the budget.
    pub(super) async fn run(&self, attributes: SessionAttributes) -> Result<Session, ConnectError> {
        let mut addresses = Vec::new();
        let outcome = match timeout(
            self.budget.total.saturating_sub(self.budget.reserve()),
            self.bounded(attributes, &mut addresses),
        )
        .await
        {
            Ok(outcome) => outcome,
            // Lookup and TCP have bounds of their own: what is left is a peer that says nothing.
            Err(_) => Err(match negotiate::provoke(&addresses, self.budget.reserve()).await {
                Some(name) => Failed::new(&table::NOT_POSTGRES, name),
                None => Failed::new(&table::SILENT, ""),
            }),
        };
        let shown: Vec<String> =
            addresses.iter().map(|a: &SocketAddr| a.ip().to_string()).collect();
        outcome.map_err(|failed| {
            ConnectError::new(failed.row, self.connection, self.host, &shown, &failed.text)
        })
    }

    async fn bounded(
        &self,
        attributes: SessionAttributes,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<Session, Failed> {
        *addresses = self.addresses().await?;
        let session = self.by_mode(addresses).await?;
        if attributes == SessionAttributes::Any {
            return Ok(session);
        }
        let encrypted = session.is_encrypted();
        let role =
            role::ask(&session.client).await.map_err(|error| Failed::driver(&error, encrypted))?;
        match attributes {
            _ if role.fits(attributes) => Ok(session),
            SessionAttributes::Written => Err(Failed::new(&table::READ_ONLY, "")),
            _ => Err(Failed::new(&table::WRONG_ROLE, "")),
        }
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Failed> {
        match self.host {
            Host::Unix { .. } => Ok(Vec::new()),
            Host::Tcp { port, address: Some(address), .. } => {
                Ok(vec![SocketAddr::new(*address, *port)])
            }
            Host::Tcp { name, port, .. } => socket::resolve(name, *port, self.budget.lookup)
                .await
                .map_err(|error| Failed::new(error.row, error.text)),
        }
    }

    /// libpq's order of clear and encrypted connections (manual, 34.19.3).
    async fn by_mode(&self, addresses: &[SocketAddr]) -> Result<Session, Failed> {
        if matches!(self.host, Host::Unix { .. }) {
            return self.once(addresses, Encrypt::Never).await;
        }
        match self.connection.ssl.mode {
            SslMode::Disable => self.once(addresses, Encrypt::Never).await,
            SslMode::Allow => match self.once(addresses, Encrypt::Never).await {
                Err(failed) if failed.by_rule => self
                    .once(addresses, Encrypt::Always)
                    .await
                    .map_err(|second| if second.row == &table::NO_TLS { failed } else { second }),
                outcome => outcome,
            },
            SslMode::Prefer => match self.once(addresses, Encrypt::IfOffered).await {
                Err(failed) if failed.encrypted && (failed.by_rule || is_handshake(failed.row)) => {
                    self.once(addresses, Encrypt::Never).await
                }
                outcome => outcome,
            },
            _ => self.once(addresses, Encrypt::Always).await,
        }
    }

    /// One connection from socket to login.
    async fn once(&self, addresses: &[SocketAddr], encrypt: Encrypt) -> Result<Session, Failed> {
        let (mut stream, peer) = self.open(addresses).await?;
        let direct = self.connection.ssl.direct && encrypt == Encrypt::Always;
        let answer = match encrypt {
            Encrypt::Never => Answer::Clear,
            _ if direct => Answer::Encrypt,
            _ => negotiate::ask_for_tls(&mut stream).await.map_err(|error| {
                let (row, text) = io_row(&error, false);
                Failed::new(row, text)
            })?,
        };
        match answer {
            Answer::Encrypt => self.encrypted(stream, peer, direct).await,
            Answer::Clear if encrypt == Encrypt::Always => Err(Failed::new(&table::NO_TLS, "")),
            Answer::Clear => {
                let login = begin(self.driver_config(false), Guarded::new(stream), NoTls);
                self.log_in(login, peer, None).await
            }
            Answer::Trouble => {
                Err(Failed::new(&table::SERVER, "an error before the session began"))
            }
        }
    }

    async fn open(&self, addresses: &[SocketAddr]) -> Result<(Box<dyn Stream>, Peer), Failed> {
        let failed = |error: socket::SocketError| Failed::new(error.row, error.text);
        match self.host {
            Host::Unix { directory, port } => {
                let path = socket_path(directory, *port);
                let stream = socket::connect_unix(&path, self.budget.tcp).await.map_err(failed)?;
                Ok((Box::new(stream), Peer::Unix(path)))
            }
            Host::Tcp { name, .. } => {
                let local = socket::is_local(name);
                let stream =
                    socket::connect(addresses, self.budget.tcp, local).await.map_err(failed)?;
                socket::keep_alive(&stream, &self.connection.keepalive);
                let peer = stream.peer_addr().map_err(|_| Failed::new(&table::CLOSED, ""))?;
                Ok((Box::new(stream), Peer::Tcp(peer)))
            }
        }
    }

    async fn encrypted(
        &self,
        stream: Box<dyn Stream>,
        peer: Peer,
        direct: bool,
    ) -> Result<Session, Failed> {
        let config = tls::config(&self.connection.ssl)
            .map_err(|why| Failed { encrypted: false, ..Failed::new(&table::TLS_FILE, why) })?;
        let name = match self.host {
            Host::Tcp { name, .. } => socket::name_for_tls(name),
            Host::Unix { .. } => "localhost".to_owned(),
        };
        let mut maker = MakeRustlsConnect::new(config);
        let connector = MakeTlsConnect::<Box<dyn Stream>>::make_tls_connect(&mut maker, &name)
            .map_err(|_| Failed::new(&table::TLS_FAILED, "the host name is no TLS name"))?;
        let encryption = Encryption { maker, name, direct };
        let login = begin(self.driver_config(true), stream, connector);
        self.log_in(login, peer, Some(encryption)).await
    }

    /// Waits for a login that has begun.
    async fn log_in(
        &self,
        login: Login,
        peer: Peer,
        encryption: Option<Encryption>,
    ) -> Result<Session, Failed> {
        let encrypted = encryption.is_some();
        let (client, driver) = login.await.map_err(|error| Failed::driver(&error, encrypted))?;
        Ok(Session::new(client, driver, peer, encryption))
    }

    fn driver_config(&self, encrypted: bool) -> tokio_postgres::Config {
        let connection = self.connection;
        let name = connection.application_name.as_deref().unwrap_or(self.application_name);
        let mut config = tokio_postgres::Config::new();
        config.user(&connection.user).dbname(&connection.database).application_name(name);
        if let Some(password) = &connection.password {
            config.password(password.expose());
        }
        if let Some(options) = connection.start_up_options() {
            config.options(options);
        }
        config.channel_binding(match connection.ssl.channel_binding {
            ChannelBinding::Disable => DriverBinding::Disable,
            ChannelBinding::Prefer => DriverBinding::Prefer,
            ChannelBinding::Require => DriverBinding::Require,
        });
        if encrypted {
            config.ssl_mode(DriverMode::Require).ssl_negotiation(SslNegotiation::Direct);
        } else {
            config.ssl_mode(DriverMode::Disable);
        }
        config
    }
}

/// A login under way; its outcome is a client and the future that drives it.
type Login = Pin<Box<dyn Future<Output = Result<(Client, Driver), tokio_postgres::Error>> + Send>>;
/// Ends with the connection, and with the error that ended it.
type Driver = Pin<Box<dyn Future<Output = Option<tokio_postgres::Error>> + Send>>;

/// The driver's login on a stream of ours. With TLS it starts the handshake at once, because we
/// have already asked.
fn begin<S, T>(config: tokio_postgres::Config, stream: S, tls: T) -> Login
where
    S: Stream + 'static,
    T: TlsConnect<S, Future: Send, Stream: Send + 'static> + Send + 'static,
{
    Box::pin(async move {
        let (client, driver) = config.connect_raw(stream, tls).await?;
        let driver: Driver = Box::pin(async move { driver.await.err() });
        Ok((client, driver))
    })
}

/// Failures after which `prefer` goes on in clear, as libpq does.
fn is_handshake(row: &Row) -> bool {
    [&table::TLS_FAILED, &table::TLS_CUT, &table::TLS_UNTRUSTED, &table::TLS_NAME, &table::TLS_TIME]
        .contains(&row)
}

fn socket_path(directory: &std::path::Path, port: u16) -> PathBuf {
    directory.join(format!(".s.PGSQL.{port}"))
}
