//! Bad input on the real binary: each case has its exit code, names what is wrong, and never shows
//! the password, in either format and at the most talkative level.

use std::net::TcpListener;

use crate::support::{
    CANARY, Init, Postgres,
    case::{case, write},
    free_port,
};

#[test]
fn an_unknown_option_is_named() {
    case(&["api", "--frobnicate"], 64, "usage", &["--frobnicate"]).prove();
}

#[test]
fn a_near_miss_of_a_mode_names_the_mode() {
    case(&["mirgate"], 64, "usage", &["`mirgate`", "migrate"]).prove();
}

#[test]
fn an_unknown_mode_of_the_environment_is_named() {
    case(&[], 78, "config", &["frobnicate", "api"]).env("APP_INIT_MODE", "frobnicate").prove();
}

#[test]
fn a_mistyped_boolean_names_variable_and_value() {
    case(&["api"], 78, "config", &["AUTORUN_MIGRATIONS", "`flase`"])
        .env("AUTORUN_MIGRATIONS", "flase")
        .prove();
}

#[test]
fn every_problem_is_reported_at_once() {
    case(
        &["api"],
        78,
        "config",
        &["AUTORUN_MIGRATIONS", "APP_INIT_WAIT_TIMEOUT", "`30x`", "APP_INIT_API_COMMAND"],
    )
    .env("AUTORUN_MIGRATIONS", "flase")
    .env("APP_INIT_WAIT_TIMEOUT", "30x")
    .prove();
}

#[test]
fn a_value_and_its_file_together_are_an_error() {
    case(&["migrate"], 78, "config", &["DATABASE_URL", "DATABASE_URL_FILE"])
        .env("DATABASE_URL", format!("postgres://u:{CANARY}@db/app"))
        .env("DATABASE_URL_FILE", "url")
        .files(&[("url", "postgres://u@db/app\n")])
        .prove();
}

#[test]
fn a_missing_secret_file_is_named() {
    case(&["wait"], 66, "file_missing", &["DATABASE_PASSWORD_FILE", "/nowhere/password"])
        .env("DATABASE_URL", "postgres://u@db/app")
        .env("DATABASE_PASSWORD_FILE", "/nowhere/password")
        .prove();
}

#[test]
fn a_malformed_url_is_named_and_not_shown() {
    for (url, said) in [
        (format!("mysql://u:{CANARY}@db/app"), "mysql"),
        (format!("postgres://u:{CANARY}@db:54x2/app"), "port"),
        (format!("\"postgres://u:{CANARY}@${{DB_HOST}}/app"), "DATABASE_URL"),
    ] {
        case(&["migrate"], 78, "config", &["DATABASE_URL", said]).env("DATABASE_URL", url).prove();
    }
}

#[test]
fn an_unreachable_host_runs_into_the_timeout() {
    let url = format!("postgres://u:{CANARY}@127.0.0.1:{}/app", free_port());
    case(&["wait"], 69, "not_ready", &["127.0.0.1", "refused"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_WAIT_TIMEOUT", "1s")
        .prove();
}

#[test]
fn a_refused_password_is_never_shown() {
    let port = Postgres::shared().port;
    let url = format!("postgres://postgres:{CANARY}-wrong@127.0.0.1:{port}/postgres");
    case(&["wait"], 77, "refused", &["password", "postgres"]).env("DATABASE_URL", url).prove();
}

#[test]
fn a_missing_database_is_named() {
    let url = Postgres::shared().url("no_such_database");
    case(&["wait"], 77, "refused", &["no_such_database"]).env("DATABASE_URL", url).prove();
}

#[test]
fn something_else_at_the_port_is_named() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            use std::io::{Read, Write};
            let mut stream = stream;
            drop(stream.read(&mut [0; 64]));
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let url = format!("postgres://u:{CANARY}@127.0.0.1:{port}/app");
    case(&["wait"], 78, "config", &["HTTP", "not Postgres"]).env("DATABASE_URL", url).prove();
}

#[test]
fn a_syntax_error_names_file_line_and_sqlstate() {
    case(&["migrate"], 80, "migrate_failed", &["V2__b.sql:2", "42601"])
        .env("DATABASE_URL", Postgres::shared().database())
        .env("APP_INIT_MIGRATIONS", "m")
        .files(&[
            ("m/V1__a.sql", "create table a (id int);\n"),
            ("m/V2__b.sql", "create table b (id int);\ncreate tabel c (id int);\n"),
        ])
        .prove_on_fresh_databases();
}

/// The database after the migrations `V1__a` and `V2__b` of another image.
fn migrated() -> String {
    let url = Postgres::shared().database();
    let image = tempfile::tempdir().unwrap();
    write(&image.path().join("m/V1__a.sql"), "create table a (id int);\n");
    write(&image.path().join("m/V2__b.sql"), "create table b (id int);\n");
    let init = Init::new(["migrate"]).current_dir(image.path());
    let end = init.env("DATABASE_URL", &url).env("APP_INIT_MIGRATIONS", "m").run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    url
}

#[test]
fn an_edited_migration_stops_the_start_and_is_named() {
    case(&["migrate"], 80, "migrate_failed", &["V1__a", "changed after it was applied"])
        .env("DATABASE_URL", migrated())
        .env("APP_INIT_MIGRATIONS", "m")
        .files(&[
            ("m/V1__a.sql", "create table a (id bigint);\n"),
            ("m/V2__b.sql", "create table b (id int);\n"),
        ])
        .prove();
}

#[test]
fn a_missing_migration_stops_the_start_and_is_named() {
    case(&["migrate"], 80, "migrate_failed", &["V1__a", "its file is missing"])
        .env("DATABASE_URL", migrated())
        .env("APP_INIT_MIGRATIONS", "m")
        .files(&[("m/V2__b.sql", "create table b (id int);\n")])
        .prove();
}

#[test]
fn a_failed_step_ends_with_its_own_code_in_the_log() {
    case(&["etl"], 82, "etl_failed", &["etl", "7"])
        .env("DATABASE_URL", Postgres::shared().database())
        .env("APP_INIT_ETL_COMMAND", "sh -c 'exit 7'")
        .prove();
}

#[test]
fn a_server_that_does_not_exist_is_127() {
    case(&["api"], 127, "not_found", &["/nowhere/server"])
        .env("DATABASE_URL", Postgres::shared().database())
        .env("APP_INIT_API_COMMAND", "/nowhere/server --port 1")
        .prove();
}

#[test]
fn a_server_that_is_no_program_is_126() {
    case(&["api"], 126, "not_executable", &["./server"])
        .env("DATABASE_URL", Postgres::shared().database())
        .env("APP_INIT_API_COMMAND", "./server")
        .files(&[("server", "just text\n")])
        .prove();
}

#[test]
fn an_unknown_key_of_the_file_has_its_place_and_the_nearest_name() {
    case(&["api"], 78, "config", &["init.toml", "wait_timeuot", "wait_timeout"])
        .files(&[("init.toml", "wait_timeuot = \"3s\"\n")])
        .prove();
}

#[test]
fn a_mode_without_its_step_is_a_mistake() {
    case(&["etl"], 78, "config", &["APP_INIT_ETL_COMMAND"])
        .env("DATABASE_URL", Postgres::shared().database())
        .prove();
}

#[test]
fn a_missing_name_of_the_required_ones_comes_with_the_near_miss() {
    case(&["api"], 78, "config", &["NOMINATIM_URL", "NOMINatIM_URL"])
        .env("APP_INIT_REQUIRE", "NOMINATIM_URL")
        .env("NOMINatIM_URL", "http://nominatim")
        .env("APP_INIT_API_COMMAND", "true")
        .prove();
}

#[test]
fn a_directory_that_cannot_be_made_is_73() {
    for path in ["/proc/nowhere", "/sys/nowhere"] {
        let said = format!(
            "cannot create the directory `{path}`: the file system there takes no directories"
        );
        case(&["api"], 73, "directory", &[&said, "name another directory"])
            .env("APP_INIT_DIRS", path)
            .env("APP_INIT_API_COMMAND", "true")
            .prove();
    }
}

#[test]
fn a_directory_below_a_file_names_the_file() {
    case(&["api"], 73, "directory", &["`f/x`", "`f` is not one", "name another directory"])
        .files(&[("f", "")])
        .env("APP_INIT_DIRS", "f/x")
        .env("APP_INIT_API_COMMAND", "true")
        .prove();
}

#[test]
fn an_unknown_signal_is_named_with_its_neighbour() {
    case(&["api"], 78, "config", &["`TREM` is not a signal", "did you mean TERM?", "write pairs"])
        .env("APP_INIT_SIGNAL_MAP", "TREM=QUIT")
        .env("APP_INIT_API_COMMAND", "true")
        .prove();
}

#[test]
fn a_map_of_signals_with_a_loop_is_refused() {
    case(&["api"], 78, "config", &["from SIGTERM back to SIGTERM", "is not replaced again"])
        .env("APP_INIT_SIGNAL_MAP", "TERM=INT,INT=HUP,HUP=TERM")
        .env("APP_INIT_API_COMMAND", "true")
        .prove();
}

#[test]
fn an_unknown_user_is_named() {
    case(&["api"], 78, "config", &["/etc/passwd has no user `no-such-user`", "write its number"])
        .env("APP_INIT_USER", "no-such-user")
        .env("APP_INIT_API_COMMAND", "true")
        .prove();
}
