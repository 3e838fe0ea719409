//! A page that answers with the wanted status, and holds the wanted text if there is one.

use super::{Readiness, Seen, wire::Place};
use crate::{
    config::target::Http,
    diagnose::{network::protocol, table},
};

/// As much of an answer as is searched for the wanted text.
const LIMIT: usize = 256 * 1024;

pub(super) async fn attempt(target: &Http) -> Readiness {
    let place = Place { host: &target.host, port: target.port, tls: target.tls };
    match page(target, &place).await {
        Ok(()) => Readiness::Ready,
        Err(seen) => Readiness::NotYet(seen),
    }
}

async fn page(target: &Http, place: &Place<'_>) -> Result<(), Seen> {
    let mut stream = place.open().await?;
    let wants_body = target.body.is_some();
    let enough = |answer: &[u8]| !wants_body && answer.contains(&b'\n');
    let answer = place.ask(&mut stream, request(target).as_bytes(), LIMIT, enough).await?;
    let Some(status) = status(&answer) else {
        let name = protocol(&answer).unwrap_or("a service with another protocol");
        return Err(place.seen(&table::NOT_HTTP, name));
    };
    if !target.status.contains(&status) {
        return Err(place.seen(&table::HTTP_STATUS, &status.to_string()));
    }
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    match &target.body {
        Some(wanted) if !body.contains(wanted) => Err(place.seen(&table::HTTP_BODY, "")),
        _ => Ok(()),
    }
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
