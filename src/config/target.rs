//! What can be waited for.

use super::database::Connection;

/// One dependency.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Database(Box<Connection>),
    Tcp { host: String, port: u16 },
}
