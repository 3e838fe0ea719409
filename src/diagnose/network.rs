//! What an operating system's error means, and who speaks when it is not Postgres.

use std::io::{self, ErrorKind};

use super::{Row, table};

/// The row for a socket that could not be connected. `local`: the host is the container itself.
pub(crate) fn connecting(error: &io::Error, local: bool) -> &'static Row {
    match error.kind() {
        ErrorKind::ConnectionRefused if local => &table::REFUSED_LOCALHOST,
        ErrorKind::ConnectionRefused => &table::REFUSED,
        ErrorKind::TimedOut => &table::TIMEOUT,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            &table::CLOSED
        }
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => &table::UNREACHABLE,
        _ => &table::NETWORK,
    }
}

/// The row for a Unix socket; `directory_exists` tells a server that is not up from a missing mount.
pub(crate) fn connecting_socket(error: &io::Error, directory_exists: bool) -> &'static Row {
    match error.kind() {
        ErrorKind::NotFound if directory_exists => &table::SOCKET_MISSING,
        ErrorKind::NotFound => &table::SOCKET_DIRECTORY,
        // A socket file that a killed server left behind.
        ErrorKind::ConnectionRefused => &table::SOCKET_MISSING,
        ErrorKind::PermissionDenied => &table::SOCKET_PERMISSION,
        _ => connecting(error, true),
    }
}

/// Names the protocol that the first bytes belong to; `None` if they are no known one's.
pub(crate) fn protocol(bytes: &[u8]) -> Option<&'static str> {
    let mysql = bytes.len() > 5 && bytes[3] == 0 && matches!(bytes[4], 9 | 10 | 0xff);
    if bytes.starts_with(b"HTTP/") || bytes.starts_with(b"<") {
        Some("an HTTP server")
    } else if bytes.starts_with(b"SSH-") {
        Some("an SSH server")
    } else if bytes.starts_with(b"-ERR")
        || bytes.starts_with(b"-NOAUTH")
        || bytes.starts_with(b"-DENIED")
    {
        Some("Redis")
    } else if mysql {
        Some("MySQL or MariaDB")
    } else if bytes.starts_with(b"220") {
        Some("a mail or FTP server")
    } else if bytes.starts_with(&[0x15, 3]) {
        Some("a port that expects TLS at once")
    } else if bytes.starts_with(b"AMQP") {
        Some("RabbitMQ")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_name_the_protocol() {
        for (bytes, name) in [
            (&b"HTTP/1.1 400 Bad Request"[..], Some("an HTTP server")),
            (b"-ERR unknown command", Some("Redis")),
            (b"J\0\0\0\n8.0.36\0", Some("MySQL or MariaDB")),
            (b"SSH-2.0-OpenSSH_9.2", Some("an SSH server")),
            (b"\x15\x03\x01\x00\x02\x02", Some("a port that expects TLS at once")),
            (b"R\0\0\0\x08", None),
            (b"", None),
        ] {
            assert_eq!(protocol(bytes), name, "{bytes:?}");
        }
    }

    #[test]
    fn socket_errors_have_their_rows() {
        for (kind, local, id) in [
            (ErrorKind::ConnectionRefused, true, "pg-refused-localhost"),
            (ErrorKind::ConnectionRefused, false, "pg-refused"),
            (ErrorKind::TimedOut, false, "net-timeout"),
            (ErrorKind::NetworkUnreachable, false, "net-unreachable"),
            (ErrorKind::ConnectionReset, false, "pg-closed"),
            (ErrorKind::OutOfMemory, false, "net-error"),
        ] {
            assert_eq!(connecting(&io::Error::from(kind), local).id, id, "{kind:?}");
        }
        let missing = io::Error::from(ErrorKind::NotFound);
        assert_eq!(connecting_socket(&missing, true).id, "pg-socket-missing");
        assert_eq!(connecting_socket(&missing, false).id, "pg-socket-directory");
        let denied = io::Error::from(ErrorKind::PermissionDenied);
        assert_eq!(connecting_socket(&denied, true).id, "pg-socket-permission");
    }
}
