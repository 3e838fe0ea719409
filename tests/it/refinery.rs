//! refinery itself is the oracle: what one of us applied, the other finds applied.

use std::path::Path;

use crate::{
    migrate::{ask, folder, migrate, migrated, sleeping},
    support::{Postgres, postgres::psql, until},
};

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/refinery"))
}

/// refinery's own runner on a folder; the names of what it applied.
fn refinery(url: &str, folder: &Path) -> Vec<String> {
    let migrations = refinery::load_sql_migrations(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let report = refinery::Runner::new(&migrations).run_async(&mut client).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
        report.applied_migrations().iter().map(ToString::to_string).collect()
    })
}

#[test]
fn refinery_finds_nothing_to_do_after_us() {
    let url = Postgres::shared().database();
    migrated(&url, fixtures());
    assert_eq!(refinery(&url, fixtures()), Vec::<String>::new());
}

#[test]
fn we_find_nothing_to_do_after_refinery_and_take_no_lock() {
    let url = Postgres::shared().database();
    assert_eq!(refinery(&url, fixtures()).len(), 2);
    let more = folder(&[("V3__slow.sql", "select pg_sleep(300)")]);
    for entry in std::fs::read_dir(fixtures()).unwrap().flatten() {
        std::fs::copy(entry.path(), more.path().join(entry.file_name())).unwrap();
    }
    let holder = migrate(&url, more.path()).start();
    until("another replica holds the lock", || sleeping(&url));
    let finished = migrated(&url, fixtures());
    assert!(!finished.stderr.contains("applied V"), "{}", finished.stderr);
    drop(holder);
}

#[test]
fn both_take_turns_on_one_history() {
    let url = Postgres::shared().database();
    let first = folder(&[("V1__a.sql", "create table a ()"), ("U5__b.sql", "create table b ()")]);
    migrated(&url, first.path());
    std::fs::write(first.path().join("V6__c.sql"), "create table c ()").unwrap();
    assert_eq!(refinery(&url, first.path()), ["V6__c"]);
    std::fs::write(first.path().join("U2__d.sql"), "create table d ()").unwrap();
    migrated(&url, first.path());
    assert_eq!(refinery(&url, first.path()), Vec::<String>::new());
    assert_eq!(
        ask(
            &url,
            "select string_agg(version::text, ',' order by applied_on) from refinery_schema_history"
        ),
        "1,5,6,2"
    );
}

/// Table and rows that refinery 0.10 made of the same two files, but for the times.
#[test]
fn table_and_rows_are_what_refinery_writes() {
    let url = Postgres::shared().database();
    migrated(&url, fixtures());
    assert_eq!(
        ask(&url, "select version, name, checksum from refinery_schema_history order by version"),
        "1|create_users|13086084637142845159\n2|create_posts|3079538837888365031"
    );
    let columns = "select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end, ', ' order by a.attnum) from pg_attribute a where a.attrelid = 'public.refinery_schema_history'::regclass and a.attnum > 0";
    assert_eq!(
        ask(&url, columns),
        "version integer not null, name character varying(255), applied_on character varying(255), checksum character varying(255)"
    );
    let times = "select count(*) from refinery_schema_history where applied_on ~ '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{0,8}[1-9])?Z$'";
    assert_eq!(ask(&url, times), "2");
    assert_eq!(
        ask(
            &url,
            "select conname, pg_get_constraintdef(oid) from pg_constraint where contype <> 'n' and conrelid = 'refinery_schema_history'::regclass"
        ),
        "refinery_schema_history_pkey|PRIMARY KEY (version)"
    );
}

#[test]
fn versions_that_need_64_bits_get_them_and_never_mix() {
    let url = Postgres::shared().database();
    let wide = folder(&[("V20240101000001__x.sql", "create table x ()")]);
    migrated(&url, wide.path());
    migrated(&url, wide.path());
    assert_eq!(
        ask(&url, "select version, pg_typeof(version), name from refinery_schema_history"),
        "20240101000001|bigint|x"
    );
    let narrow = Postgres::shared().database();
    migrated(&narrow, fixtures());
    let finished = migrate(&narrow, wide.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    assert!(finished.stderr.contains("has 32-bit versions"), "{}", finished.stderr);
    assert!(psql(&narrow, "select * from x").is_err());
}
