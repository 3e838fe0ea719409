//! Text read into fields, by topic.

mod dialects;
mod environment;
mod hosts;
mod passwords;
mod refusals;
mod tls;

use super::*;

fn none(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<(Connection, Vec<Note>), Problem> {
    Connection::parse(text, "DATABASE_URL", &none)
}

fn parsed(text: &str) -> Connection {
    parse(text).map_or_else(|problem| panic!("{text:?}: {problem}"), |(connection, _)| connection)
}

/// `user:password@host:port,…/database`, the fields in one line.
fn fields(connection: &Connection) -> String {
    let hosts: Vec<String> = connection.hosts.iter().map(ToString::to_string).collect();
    let password = connection.password.as_ref().map_or("-", Secret::expose);
    format!("{}:{password}@{}/{}", connection.user, hosts.join(","), connection.database)
}
