//! The demo's server: what the database knows about time zones, over HTTP.
//!
//! `GET /health` is 200 when the database answers, else 503. `GET /zones?country=CH` lists the zones
//! of a country. Listens on `PORT` (8000; 0 takes any free port) of `HOST` (127.0.0.1). SIGTERM and
//! SIGINT let running requests finish, then it ends with 0.

mod database;

use std::{process::ExitCode, sync::Arc};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::Mutex,
};
use tokio_postgres::{Client, Config, Row};

use database::DatabaseError;

/// Why the server did not start or run on.
#[derive(Debug, Error)]
enum ServerError {
    #[error("PORT is `{0}`, which is not a port number")]
    Port(String),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("cannot watch for SIGTERM")]
    Signal(#[source] std::io::Error),
    #[error("cannot listen on {address}")]
    Listen { address: String, source: std::io::Error },
    #[error("cannot serve")]
    Serve(#[source] std::io::Error),
}

/// Why a request got no answer: the database's fault, so 503, or the asker's, so 404.
#[derive(Debug, Error)]
enum RequestError {
    #[error(transparent)]
    Connect(#[from] DatabaseError),
    #[error("the query failed")]
    Query(#[from] tokio_postgres::Error),
    #[error("no zone of a country `{0}` is known")]
    Unknown(String),
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Connect(_) | Self::Query(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
        };
        let error = database::sentence(&self);
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    }
}

/// One connection that all requests share, made again when it is lost.
struct Database {
    settings: Config,
    client: Mutex<Option<Arc<Client>>>,
}

impl Database {
    async fn client(&self) -> Result<Arc<Client>, DatabaseError> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(database::connect(&self.settings).await?);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }
}

/// One zone, as `/zones` answers.
#[derive(Serialize)]
struct Zone {
    name: String,
    area: Option<String>,
    latitude: f64,
    longitude: f64,
    comments: Option<String>,
}

/// The answer of `/zones`.
#[derive(Serialize)]
struct Zones {
    /// The seeded name of the country; null in a database that was never seeded.
    country: Option<String>,
    zones: Vec<Zone>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&database::sentence(&error));
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), ServerError> {
    // First of all: from here on a stop is never the end without a word.
    let stop = stop_signal()?;
    let database = Arc::new(Database { settings: database::settings()?, client: Mutex::default() });
    let listener = listen().await?;
    let routes = Router::new()
        .route("/health", get(health))
        .route("/zones", get(zones))
        .with_state(database);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await.map_err(ServerError::Serve)?;
    log("stopped");
    Ok(())
}

/// Watches from the call on; the future ends at the first SIGTERM or SIGINT.
fn stop_signal() -> Result<impl Future<Output = ()>, ServerError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Signal)?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        log(&format!("{name} received, finishing running requests"));
    })
}

async fn listen() -> Result<TcpListener, ServerError> {
    let text = variable("PORT", "8000");
    let port: u16 = text.parse().map_err(|_| ServerError::Port(text))?;
    let address = format!("{}:{port}", variable("HOST", "127.0.0.1"));
    let failed = |source| ServerError::Listen { address: address.clone(), source };
    let listener = TcpListener::bind(&address).await.map_err(failed)?;
    log(&format!("listening on {}", listener.local_addr().map_err(failed)?));
    Ok(listener)
}

fn variable(name: &str, default: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "a program of its own, started by init")]
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[expect(clippy::print_stderr, reason = "a server logs on its own stream")]
fn log(message: &str) {
    eprintln!("zones_server: {message}");
}

async fn health(State(database): State<Arc<Database>>) -> Result<&'static str, RequestError> {
    database.client().await?.simple_query("SELECT 1").await?;
    Ok("ok\n")
}

#[derive(Deserialize)]
struct Filter {
    country: String,
}

async fn zones(
    State(database): State<Arc<Database>>,
    Query(Filter { country }): Query<Filter>,
) -> Result<Json<Zones>, RequestError> {
    let code = country.to_ascii_uppercase();
    let rows = database.client().await?.query(ZONES, &[&code]).await?;
    let Some(first) = rows.first() else { return Err(RequestError::Unknown(country)) };
    let country = first.try_get("country")?;
    let zones = rows.iter().map(zone).collect::<Result<_, _>>()?;
    Ok(Json(Zones { country, zones }))
}

/// Left joins: a database that was never seeded still answers, without titles.
const ZONES: &str = "
    SELECT countries.name AS country, zones.name, areas.title AS area, comments,
           round(latitude::numeric, 4)::float8 AS latitude,
           round(longitude::numeric, 4)::float8 AS longitude
    FROM zone_countries
    JOIN zones ON zones.name = zone_countries.zone
    LEFT JOIN countries ON countries.code = zone_countries.country
    LEFT JOIN areas ON areas.name = zones.area
    WHERE zone_countries.country = $1
    ORDER BY position, zones.name";

fn zone(row: &Row) -> Result<Zone, tokio_postgres::Error> {
    Ok(Zone {
        name: row.try_get("name")?,
        area: row.try_get("area")?,
        latitude: row.try_get("latitude")?,
        longitude: row.try_get("longitude")?,
        comments: row.try_get("comments")?,
    })
}
