//! Whether a server is the kind that is wanted: primary, standby, writable.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::config::database::SessionAttributes;

/// What a server says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) in_recovery: bool,
    pub(crate) read_only: bool,
}

impl Role {
    /// Whether the server counts for `attributes`; `prefer-standby` wants a standby in its first round.
    pub(crate) fn fits(self, attributes: SessionAttributes) -> bool {
        match attributes {
            SessionAttributes::Any => true,
            SessionAttributes::ReadWrite => !self.in_recovery && !self.read_only,
            SessionAttributes::ReadOnly => self.in_recovery || self.read_only,
            SessionAttributes::Primary | SessionAttributes::Written => !self.in_recovery,
            SessionAttributes::Standby | SessionAttributes::PreferStandby => self.in_recovery,
        }
    }
}

/// Asks by the simple protocol, which every pooler passes on.
pub(super) async fn ask(client: &Client) -> Result<Role, Error> {
    let rows = client
        .simple_query("SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')")
        .await?;
    let row = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let yes = |column, word| row.and_then(|row| row.get(column)) == Some(word);
    Ok(Role { in_recovery: yes(0, "t"), read_only: yes(1, "on") })
}
