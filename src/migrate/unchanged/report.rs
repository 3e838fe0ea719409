//! What `init status` tells of a watched command.

use tokio_postgres::Client;

use super::{
    Watched,
    look::Look,
    verdict::{self, Record, Records, Verdict},
};
use crate::migrate::error::MigrateError;

/// How a watched command stands to what was recorded of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    /// The last success that was recorded, this image's or another's: since when and by whom.
    pub(crate) recorded: Option<(String, String)>,
    /// What that success left otherwise than it is now: command line and watched paths.
    pub(crate) changed: Vec<String>,
    /// The version tables that are compared, `schema.name`.
    pub(crate) tables: Vec<String>,
    /// Those that the settings name and that are not there.
    pub(crate) absent: Vec<String>,
}

impl Watched<'_> {
    /// Takes no lock and creates nothing.
    /// # Errors
    /// `Rights` as for `verdict`.
    pub(in crate::migrate) async fn report(&self, client: &Client) -> Result<Report, MigrateError> {
        Ok(match self.look_through(client).await? {
            Look::Seen { records, now, absent } => {
                let verdict = verdict::verdict(&records, &now);
                let told = self.told(&records, verdict, now.into_keys().collect());
                Report { absent, ..told }
            }
            Look::Busy(why) => self.told(&Records::default(), Verdict::Run(why), Vec::new()),
        })
    }

    fn told(&self, records: &Records, verdict: Verdict, tables: Vec<String>) -> Report {
        let latest = records.latest.as_ref();
        let changed = |record: &Record| record.changed_parts(&self.content.parts);
        Report {
            verdict,
            recorded: latest.map(|record| (record.since.clone(), record.by.clone())),
            changed: latest.map(changed).unwrap_or_default(),
            tables,
            absent: Vec::new(),
        }
    }
}
