//! The connection service file `pg_service.conf` (PostgreSQL manual, 34.17).

use std::{fs, path::PathBuf};

use super::{
    Lookup, Problem,
    draft::{Draft, Pair},
};

/// Fills the draft from the service it names, if it names one.
///
/// `PGSERVICEFILE` or `~/.pg_service.conf`, then the file in `PGSYSCONFDIR`.
pub(super) fn fill(draft: &mut Draft, variables: Lookup) -> Result<(), Problem> {
    if let Some(name) = variables("PGSERVICE") {
        draft.offer("service", &name, "PGSERVICE");
    }
    let Some(service) = draft.value("service").map(str::to_owned) else { return Ok(()) };
    for path in files(draft, variables) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let origin = format!("{} [{service}]", path.display());
        if let Some(pairs) = section(&text, &service, &origin)? {
            return offer(draft, &pairs, &origin);
        }
    }
    let problem = Problem::new(
        "service-missing",
        draft.blame("service"),
        format!("no service file defines `{service}`"),
    );
    Err(problem.hint("PGSERVICEFILE names the file; the default is ~/.pg_service.conf"))
}

fn files(draft: &Draft, variables: Lookup) -> Vec<PathBuf> {
    let own = draft.value("servicefile").map(PathBuf::from);
    let own = own.or_else(|| variables("PGSERVICEFILE").map(PathBuf::from));
    let home = variables("HOME").map(|home| PathBuf::from(home).join(".pg_service.conf"));
    let system = variables("PGSYSCONFDIR").map(|path| PathBuf::from(path).join("pg_service.conf"));
    own.or(home).into_iter().chain(system).collect()
}

/// The lines of `[name]`; `None` if there is no such section. As in libpq, each is a keyword with its
/// value, and none names another service.
fn section(text: &str, name: &str, origin: &str) -> Result<Option<Vec<Pair>>, Problem> {
    let heading = format!("[{name}]");
    let mut lines =
        text.lines().map(str::trim).enumerate().skip_while(|(_, line)| *line != heading);
    if lines.next().is_none() {
        return Ok(None);
    }
    lines
        .take_while(|(_, line)| !line.starts_with('['))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| match line.split_once('=') {
            Some((key, _)) if key.trim() == "service" => {
                Err(malformed(origin, at + 1, "names another service"))
            }
            Some((key, value)) => Ok(Pair::new(key.trim(), value.trim())),
            None => Err(malformed(origin, at + 1, "holds no `=`")),
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

/// A line of a service file that libpq refuses, without its words.
fn malformed(origin: &str, number: usize, what: &str) -> Problem {
    Problem::new("url-malformed", origin, format!("line {number} {what}"))
        .hint("a service file holds lines such as host=db, and `#` before a comment")
}

/// Applies the pairs below what the draft already has.
fn offer(draft: &mut Draft, pairs: &[Pair], origin: &str) -> Result<(), Problem> {
    let mut service = Draft::of(origin);
    service.apply(pairs, &mut Vec::new())?;
    for (keyword, origin) in service.origins() {
        let value = service.value(keyword).unwrap_or_default().to_owned();
        draft.offer(keyword, &value, &origin);
    }
    Ok(())
}
