//! An address that leads to a primary and to a standby: locks of the one are none of the other.

use std::fs;

use crate::support::{CANARY, Init, Postgres, init::shell};

/// Fails unless somebody holds an advisory lock on the primary.
const TOOL: &str =
    r#"test "$("$PSQL" -XAtqc "select count(*) from pg_locks where locktype = 'advisory'")" = 1"#;

#[test]
fn the_lock_is_taken_on_the_primary() {
    let (primary, mut standby) = (Postgres::start(), Postgres::prepared());
    fs::write(standby.data().join("standby.signal"), "").unwrap();
    standby.up();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", standby.port, primary.port);
    for more in ["", "?target_session_attrs=prefer-standby"] {
        let url = format!("postgres://postgres:{CANARY}@{hosts}/postgres{more}");
        let finished = Init::new(["migrate"])
            .env("DATABASE_URL", url)
            .env("APP_INIT_SKIP", "wait")
            .env("APP_INIT_MIGRATE_COMMAND", shell(TOOL))
            .env("PSQL", crate::support::postgres::tool("psql"))
            .env("PGPASSWORD", CANARY)
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", primary.port.to_string())
            .env("PGUSER", "postgres")
            .run();
        assert_eq!(finished.code, 0, "{more}: {}", finished.stderr);
    }
}
