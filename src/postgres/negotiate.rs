//! The first bytes on a connection: asking for TLS, and noticing who speaks another protocol.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::diagnose::network::protocol;

/// What the login runs on: TCP or a Unix socket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What the server said to a request for TLS.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Encrypt,
    Clear,
    /// An error report instead of an answer: the server could not even start a session.
    Trouble,
}

/// The other side speaks another protocol.
#[derive(Debug)]
pub(super) struct NotPostgres(Option<&'static str>);

impl NotPostgres {
    fn of(bytes: &[u8]) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self(protocol(bytes)))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.unwrap_or("a service with another protocol")
    }
}

impl fmt::Display for NotPostgres {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl std::error::Error for NotPostgres {}

/// `SSLRequest` (PostgreSQL manual, 55.7).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks for TLS. Anything but one byte `S` or `N` is not Postgres, or someone between who adds
/// clear text before the handshake (CVE-2021-23222).
pub(super) async fn ask_for_tls(stream: &mut Box<dyn Stream>) -> io::Result<Answer> {
    stream.write_all(&SSL_REQUEST).await?;
    let mut bytes = [0; 256];
    let count = stream.read(&mut bytes).await?;
    match &bytes[..count] {
        [] => Err(io::ErrorKind::UnexpectedEof.into()),
        b"S" => Ok(Answer::Encrypt),
        b"N" => Ok(Answer::Clear),
        [b'E', 0, ..] | [b'E'] => Ok(Answer::Trouble),
        other => Err(NotPostgres::of(other)),
    }
}

/// Names a silent peer by an empty line, sent on a connection of its own.
///
/// Redis and other line-based services take our binary request for the beginning of a line and wait
/// for its end. Postgres closes on it.
pub(super) async fn provoke(addresses: &[SocketAddr], bound: Duration) -> Option<&'static str> {
    let exchange = async {
        let mut stream = TcpStream::connect(addresses.first()?).await.ok()?;
        stream.write_all(b"app-init\r\n\r\n").await.ok()?;
        let mut bytes = [0; 256];
        let count = stream.read(&mut bytes).await.ok()?;
        protocol(&bytes[..count])
    };
    timeout(bound, exchange).await.ok().flatten()
}

/// A clear stream that refuses a first byte which no server sends to a start-up message.
///
/// Without it the driver waits for the rest of a message whose length is somebody's greeting.
pub(super) struct Guarded {
    inner: Box<dyn Stream>,
    checked: bool,
}

impl Guarded {
    pub(super) fn new(inner: Box<dyn Stream>) -> Self {
        Self { inner, checked: false }
    }
}

/// Authentication, error, notice, version negotiation (PostgreSQL manual, 55.2.1); each begins
/// with its type and a length below 2^24.
fn begins_a_session(bytes: &[u8]) -> bool {
    matches!(bytes, [b'R' | b'E' | b'N' | b'v'])
        || matches!(bytes, [b'R' | b'E' | b'N' | b'v', 0, ..])
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        let bytes = &buffer.filled()[before..];
        if self.checked || bytes.is_empty() {
            return outcome;
        }
        self.checked = true;
        if begins_a_session(bytes) { outcome } else { Poll::Ready(Err(NotPostgres::of(bytes))) }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
