//! Each target, tried once: name, port, TLS and login, each a finding of its own.

use std::{net::SocketAddr, path::Path, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use super::{
    database,
    finding::{Finding, Level, Section},
    needs::{Needs, targets},
};
use crate::{
    config::{
        Config,
        database::{Connection, Host, SslMode},
        target::Target,
    },
    diagnose::Diagnosis,
    plan::Plan,
    postgres::{
        self, Budget, Session,
        socket::{self, SocketError},
    },
    wait,
};

/// All targets at the same time, in their order.
pub(super) async fn look(config: &Config, plan: Option<&Plan>) -> Vec<Finding> {
    let mut running = JoinSet::new();
    for (at, target) in targets(config, plan).into_iter().enumerate() {
        match target {
            Target::Database(connection) => {
                let needs = Needs::of(plan, &connection);
                running.spawn(async move { (at, database_target(&connection, &needs).await) });
            }
            other => {
                running.spawn(async move { (at, vec![plain(other).await]) });
            }
        }
    }
    let mut found = Vec::new();
    while let Some(ended) = running.join_next().await {
        found.extend(ended);
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().flat_map(|(_, findings)| findings).collect()
}

async fn plain(target: Target) -> Finding {
    let name = target.to_string();
    match wait::once(target, false).await {
        Ok(()) => Finding::ok(Section::Network, name, "is ready"),
        Err(diagnosis) => Finding::diagnosis(Section::Network, name, &diagnosis),
    }
}

async fn database_target(connection: &Connection, needs: &Needs) -> Vec<Finding> {
    let began = Instant::now();
    let (mut findings, reachable) = hosts(connection).await;
    if !reachable {
        return findings;
    }
    // What the look at names and ports took is taken off: together they are one attempt.
    let left = Budget::default().total.saturating_sub(began.elapsed());
    let budget = Budget::default().within(Some(left.max(Duration::from_millis(500))));
    match postgres::connect(connection, "app-init doctor", budget).await {
        Ok(session) => {
            // Another host of the list let us in.
            findings = findings.into_iter().map(Finding::tolerated).collect();
            findings.extend(logged_in(connection, &session));
            findings.extend(database::look(connection, &session, needs).await);
        }
        Err(error) => {
            let stage = if error.diagnosis.id().starts_with("tls-") { "TLS" } else { "login" };
            let subject = format!("{} {stage}", connection.place());
            findings.push(Finding::diagnosis(Section::Network, subject, &error.diagnosis));
        }
    }
    findings
}

/// Names and ports of all hosts; whether one of them can be reached.
async fn hosts(connection: &Connection) -> (Vec<Finding>, bool) {
    let mut findings = Vec::new();
    for host in &connection.hosts {
        findings.extend(match host {
            Host::Unix { directory, port } => vec![unix(host, directory, *port).await],
            Host::Tcp { name, port, address } => {
                let known = address.map(|address| vec![SocketAddr::new(address, *port)]);
                tcp(host, name, *port, known).await
            }
        });
    }
    let fine = |finding: &Finding| finding.level == Level::Ok && !finding.subject.ends_with(" DNS");
    let reachable = findings.iter().any(fine);
    (findings, reachable)
}

async fn unix(host: &Host, directory: &Path, port: u16) -> Finding {
    let path = directory.join(format!(".s.PGSQL.{port}"));
    let subject = format!("{host} socket");
    match socket::connect_unix(&path, Budget::default().tcp).await {
        Ok(_) => Finding::ok(Section::Network, subject, "something listens"),
        Err(error) => failed(subject, &directory.display().to_string(), port, &error),
    }
}

/// The name, unless it is a number, then the port.
async fn tcp(host: &Host, name: &str, port: u16, known: Option<Vec<SocketAddr>>) -> Vec<Finding> {
    let budget = Budget::default();
    let mut findings = Vec::new();
    let addresses = match known {
        Some(addresses) => addresses,
        None => match socket::resolve(name, port, budget.lookup).await {
            Ok(addresses) => {
                findings.extend(resolved(host, name, &addresses));
                addresses
            }
            Err(error) => return vec![failed(format!("{host} DNS"), name, port, &error)],
        },
    };
    let subject = format!("{host} TCP");
    findings.push(match socket::connect(&addresses, budget.tcp, socket::is_local(name)).await {
        Ok(_) => Finding::ok(Section::Network, subject, "something listens"),
        Err(error) => failed(subject, name, port, &error),
    });
    findings
}

fn resolved(host: &Host, name: &str, addresses: &[SocketAddr]) -> Option<Finding> {
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    let is_number = shown.iter().any(|address| address == name);
    (!is_number).then(|| Finding::ok(Section::Network, format!("{host} DNS"), shown.join(", ")))
}

fn failed(subject: String, name: &str, port: u16, error: &SocketError) -> Finding {
    let diagnosis = Diagnosis::new(error.row, &error.facts(name, port));
    Finding::diagnosis(Section::Network, subject, &diagnosis)
}

fn logged_in(connection: &Connection, session: &Session) -> [Finding; 2] {
    let place = connection.place();
    let encryption = match (session.is_encrypted(), connection.ssl.mode) {
        (true, SslMode::VerifyFull) => "encrypted, certificate and name verified",
        (true, SslMode::VerifyCa) => "encrypted, certificate verified",
        (true, _) => "encrypted, certificate not verified",
        (false, SslMode::Disable) => "not encrypted: sslmode=disable",
        (false, _) => "not encrypted: the server offers no TLS and sslmode does not require it",
    };
    let encryption = if connection.hosts.iter().all(|host| matches!(host, Host::Unix { .. })) {
        "not encrypted: a Unix socket needs none"
    } else {
        encryption
    };
    [
        Finding::ok(Section::Network, format!("{place} TLS"), encryption),
        Finding::ok(Section::Network, format!("{place} login"), format!("as {}", connection.user)),
    ]
}
