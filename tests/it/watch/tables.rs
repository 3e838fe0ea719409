//! Which version tables count, and what is said of them.

use super::*;

#[test]
fn a_version_table_of_another_name_or_schema_counts_when_it_is_named() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let script = fs::read_to_string(image.path().join("tool.sh")).unwrap();
    let script = script.replace("alembic_version", "app.version");
    fs::write(image.path().join("tool.sh"), script).unwrap();
    ask(&url, "create schema app; create schema other; create table other.alembic_version (n int)");
    let unnamed = succeeded(init("migrate", image.path(), &url));
    says(&unnamed, &["no version table of a known tool can be read", "APP_INIT_MIGRATE_TABLE"]);
    ask(&url, "insert into other.alembic_version values (1)");
    let named = || init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_TABLE", "app.version");
    for (sql, runs) in [
        ("select 1", "1,1"), // nothing was recorded of the table
        ("select 1", "1,1"),
        ("delete from app.version", "1,1,1"),
    ] {
        ask(&url, sql);
        succeeded(named());
        assert_eq!(ran(&url), runs, "{sql}");
    }
}

#[test]
fn a_named_version_table_that_is_not_there_is_said_on_each_start_and_counts_once_it_is() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let named = |mode: &str| {
        init(mode, image.path(), &url).env("APP_INIT_MIGRATE_TABLE", "nope, \"My App\".\"v\"")
    };
    let missing =
        "APP_INIT_MIGRATE_TABLE: there is no table `nope`, `\"My App\".\"v\"` that can be read";
    for _ in 0..2 {
        says(&succeeded(named("migrate")), &[missing]);
    }
    says(&succeeded(named("api").env("AUTORUN_MIGRATIONS", "wait")), &[missing]);
    let status = succeeded(named("status"));
    assert!(status.stdout.contains("missing   nope, \"My App\".\"v\"\n"), "{}", status.stdout);
    let doctor = named("doctor").arg("migrate").run();
    assert!(doctor.stdout.contains(missing), "{}", doctor.stdout);
    assert_eq!(ran(&url), "1");

    ask(&url, "create schema \"My App\"; create table \"My App\".v (); create table nope ()");
    let found = succeeded(named("migrate"));
    assert!(!found.stderr.contains("there is no table"), "{}", found.stderr);
    assert!(succeeded(named("status")).stdout.contains("version   My App.v, public.nope\n"));
    assert_eq!(ran(&url), "1,1", "the record had nothing of them");
    succeeded(named("migrate"));
    assert_eq!(ran(&url), "1,1");
    let alone = named("status").env("APP_INIT_MIGRATE_TABLE", "\"My App\".\"v\"");
    assert!(succeeded(alone).stdout.contains("version   My App.v\n"));
}

#[test]
fn version_tables_of_more_tools_are_known() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let tables = [
        "_fluent_migrations",
        "cake_migrations",
        "gopg_migrations",
        "micrate_db_version",
        "migration_versions",
        "schema_info",
        "schema_migration",
        "strapi_migrations",
        "strapi_migrations_internal",
    ];
    for table in tables {
        ask(&url, &format!("create table {table} ()"));
    }
    succeeded(init("migrate", image.path(), &url));
    let told = succeeded(init("status", image.path(), &url)).stdout;
    for table in tables {
        assert!(told.contains(&format!("public.{table}")), "{table} in {told}");
    }
}

#[test]
fn the_schema_of_the_connection_string_is_looked_at() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    ask(&url, "create schema app");
    let script = TOOL.replace("alembic_version", "app._prisma_migrations");
    fs::write(image.path().join("tool.sh"), script).unwrap();
    for (sql, runs) in
        [("select 1", "1"), ("select 1", "1"), ("delete from app._prisma_migrations", "1,1")]
    {
        ask(&url, sql);
        succeeded(init("migrate", image.path(), &format!("{url}?schema=app")));
        assert_eq!(ran(&url), runs, "{sql}");
    }
}

#[test]
fn a_tool_that_holds_its_version_table_holds_up_nobody() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    succeeded(init("migrate", image.path(), &url));
    let held = Held::new(&url, "begin; lock table alembic_version");
    let waiting = init("api", image.path(), &url).env("AUTORUN_MIGRATIONS", "wait").start();
    waiting.expect_line("another session holds the version table: pid ");
    waiting.expect_line(", held, from 127.0.0.1, since 20");
    drop(held);
    assert_eq!(waiting.exit_code(), 0);
}
