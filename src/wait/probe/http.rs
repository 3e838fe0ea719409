//! A page that answers with the wanted status, and holds the wanted text if there is one.

use super::{Readiness, Seen, wire::Place};
use crate::{
    config::target::Http,
    diagnose::{network::protocol, table},
};

/// As much of an answer as is searched for the wanted text.
const LIMIT: usize = 256 * 1024;

/// How many redirects are followed; clients stop at ten or twenty, health checks need one or two.
const REDIRECTS: usize = 5;

pub(super) async fn attempt(target: &Http) -> Readiness {
    match follow(target).await {
        Ok(()) => Readiness::Ready,
        Err(seen) => Readiness::NotYet(seen),
    }
}

/// Goes where redirects lead, unless they are what is expected.
async fn follow(target: &Http) -> Result<(), Seen> {
    let mut at = target.clone();
    for _ in 0..=REDIRECTS {
        match page(&at).await? {
            None => return Ok(()),
            Some(next) => at = next,
        }
    }
    let place = place(&at);
    Err(place.seen(&table::HTTP_STATUS, &format!("of a redirect, after {REDIRECTS} others")))
}

fn place(target: &Http) -> Place<'_> {
    Place::new(&target.host, target.port, target.tls)
}

/// `Some` is where a redirect leads.
async fn page(target: &Http) -> Result<Option<Http>, Seen> {
    let place = place(target);
    let mut stream = place.open().await?;
    let wants_body = target.body.is_some();
    let enough = |answer: &[u8]| !wants_body && is_enough(answer);
    let answer = place.ask(&mut stream, request(target).as_bytes(), LIMIT, enough).await?;
    let Some(status) = status(&answer) else {
        let name = protocol(&answer).unwrap_or("a service with another protocol");
        return Err(place.seen(&table::NOT_HTTP, name));
    };
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    if !target.status.contains(&status) {
        let next = location(status, head).and_then(|location| target.redirected(location));
        // nginx and Go answer a request without TLS in words, others by an alert or silence.
        let note =
            if !target.tls && body.contains("HTTPS") { ": the port expects https://" } else { "" };
        let refused = || place.seen(&table::HTTP_STATUS, &format!("{status}{note}"));
        return next.map(Some).ok_or_else(refused);
    }
    match &target.body {
        Some(wanted) if !body.contains(wanted) => Err(place.seen(&table::HTTP_BODY, "")),
        _ => Ok(None),
    }
}

/// Whether the status is there, and of a redirect all of the head.
fn is_enough(answer: &[u8]) -> bool {
    let ended = || answer.windows(4).any(|window| window == b"\r\n\r\n");
    answer.contains(&b'\n') && (!status(answer).is_some_and(is_redirect) || ended())
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads (RFC 9110, 15.4).
fn location(status: u16, head: &str) -> Option<&str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = fields.filter(|(name, _)| name.eq_ignore_ascii_case("location"));
    named.next().map(|(_, to)| to.trim()).filter(|_| is_redirect(status))
}

/// HTTP/1.0 wants no chunks, so the wanted text is found in one piece.
fn request(target: &Http) -> String {
    let host =
        if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    format!(
        "GET {} HTTP/1.0\r\nHost: {host}:{}\r\nUser-Agent: app-init\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        target.path.expose(),
        target.port
    )
}

/// `HTTP/1.1 200 OK` to 200; `None` if it is not HTTP.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/")?.split(' ').nth(1)?.trim().parse().ok()
}
