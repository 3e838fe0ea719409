//! `init doctor`: every finding at once, each trap with its code and its hint, nothing changed.

mod module;
mod server;
mod settings;

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
};

use nix::{sys::signal::Signal, unistd::Uid};
use serde_json::Value;

use crate::support::{
    CANARY, Init, Postgres, certificates::Certificates, fake::Fake, free_port, init::Finished,
    postgres::psql, until,
};

/// An image with two migrations, a seed and a script.
fn image() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("migrations/V1__items.sql", "create table items (id int);"),
        ("migrations/V2__more.sql", "create table more (id int);"),
        ("seeds/1_items.sql", "insert into items values (1);"),
        ("app/main.sh", "echo up"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The same with the app's own tool, which brings its migrations along.
fn image_without_migrations() -> tempfile::TempDir {
    let image = image();
    fs::remove_dir_all(image.path().join("migrations")).unwrap();
    image
}

/// `init doctor` on the image; the settings of a good start come first and can be replaced.
fn doctor(image: &Path, url: &str, more: &[(&str, &str)]) -> Init {
    let good = [
        ("DATABASE_URL", url),
        ("SEED_ON_START", "once"),
        ("APP_INIT_API_COMMAND", "sh app/main.sh"),
        ("APP_INIT_DIRS", "logs"),
    ];
    let init = Init::new(["doctor"]).current_dir(image);
    good.iter().chain(more).fold(init, |init, (name, value)| init.env(name, value))
}

/// The report as text and as JSON, which must agree; the password is in neither.
fn reports(image: &Path, url: &str, more: &[(&str, &str)]) -> (Finished, Value) {
    let text = doctor(image, url, more).run();
    let json = doctor(image, url, more).arg("--json").run();
    let value: Value = serde_json::from_str(&json.stdout)
        .unwrap_or_else(|_| panic!("no JSON:\n{}{}", json.stdout, json.stderr));
    assert_eq!(text.code, json.code, "{}", text.stdout);
    assert_eq!(value["exit_code"], json.code);
    (text, value)
}

/// Findings of this level as `section subject: message [id]`.
fn found(report: &Value, level: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let of_level = findings.iter().filter(|finding| finding["level"] == level);
    of_level
        .map(|finding| {
            let [section, subject, message, id] =
                ["section", "subject", "message", "id"].map(|key| text(finding, key));
            format!("{section} {subject}: {message} [{id}]")
        })
        .collect()
}

/// Proves a trap: the code, and one error that says all of `said`.
fn trap(url: &str, more: &[(&str, &str)], code: i32, said: &[&str]) {
    let image = image();
    let (text, report) = reports(image.path(), url, more);
    assert_eq!(text.code, code, "{}{}", text.stdout, text.stderr);
    let errors = found(&report, "error");
    let says = |error: &String| said.iter().all(|part| error.contains(part));
    assert!(errors.iter().any(says), "none says {said:?}:\n{errors:#?}");
    assert!(text.stdout.contains("✗ "), "{}", text.stdout);
}

/// What `doctor` might leave behind: relations, schemas, advisory locks.
fn things(url: &str) -> String {
    psql(
        url,
        "select (select count(*) from pg_class), (select count(*) from pg_namespace), \
         (select count(*) from pg_locks l join pg_database d on d.oid = l.database \
          where l.locktype = 'advisory' and d.datname = current_database())",
    )
    .unwrap()
}

#[test]
fn a_good_start_is_all_right_and_nothing_is_changed() {
    let image = image();
    let url = Postgres::shared().database();
    let before = things(&url);
    let (text, report) = reports(image.path(), &url, &[]);
    assert_eq!(text.code, 0, "{}{}", text.stdout, text.stderr);
    assert_eq!(found(&report, "error"), Vec::<String>::new());
    assert_eq!(found(&report, "warning"), Vec::<String>::new());
    for said in ["2 pending: V1__items to V2__more", "login: as postgres", "PostgreSQL ", "UTF8"] {
        assert!(text.stdout.contains(said), "no {said:?} in:\n{}", text.stdout);
    }
    assert!(text.stdout.contains("✓ ") && !text.stdout.contains('\u{1b}'), "{}", text.stdout);
    assert_eq!(text.stderr, "");
    assert_eq!(things(&url), before);
    assert!(!image.path().join("logs").exists(), "the directory was made");
}

#[test]
fn it_tells_how_the_migrations_stand() {
    let image = image();
    let url = Postgres::shared().database();
    let applied = Init::new(["migrate"]).current_dir(image.path()).env("DATABASE_URL", &url).run();
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    let (text, _) = reports(image.path(), &url, &[]);
    assert_eq!(text.code, 0, "{}", text.stdout);
    assert!(text.stdout.contains("nothing pending, 2 applied"), "{}", text.stdout);
    fs::write(image.path().join("migrations/V1__items.sql"), "create table other ();").unwrap();
    let (text, report) = reports(image.path(), &url, &[]);
    assert_eq!(text.code, 80, "{}", text.stdout);
    let errors = found(&report, "error");
    assert!(errors.len() == 1 && errors[0].contains("V1__items"), "{errors:#?}");
}

#[test]
fn missing_programs_and_scripts_are_named() {
    let url = Postgres::shared().database();
    for (command, code, said) in [
        ("sh app/gone.sh", 127, "the script `app/gone.sh` does not exist"),
        ("no-such-server-9 --port 1", 127, "no program of that name in PATH"),
        ("./app/main.sh", 126, "execute permission"),
    ] {
        trap(&url, &[("APP_INIT_API_COMMAND", command)], code, &["server", said]);
    }
    let prisma = [("APP_INIT_MIGRATE_COMMAND", "sh app/main.sh prisma migrate deploy")];
    let said = ["migrate", "its schema `prisma/schema.prisma` does not exist"];
    let tool = image_without_migrations();
    let (text, report) = reports(tool.path(), &url, &prisma);
    assert_eq!(text.code, 80, "{}", text.stdout);
    let errors = found(&report, "error");
    assert!(errors.iter().any(|error| said.iter().all(|part| error.contains(part))), "{errors:#?}");
    // The image says where it is: nothing is missing for certain.
    fs::write(tool.path().join("package.json"), r#"{"prisma": {"schema": "db"}}"#).unwrap();
    let (text, _) = reports(tool.path(), &url, &prisma);
    assert_eq!(text.code, 0, "{}", text.stdout);
    let npm = [("APP_INIT_API_COMMAND", "npm run start")];
    fs::remove_file(tool.path().join("package.json")).unwrap();
    let (_, report) = reports(tool.path(), &url, &npm);
    let errors = found(&report, "error");
    assert!(
        errors.iter().any(|error| error.contains("its manifest `package.json`")),
        "{errors:#?}"
    );
    let etl = [("RUN_ETL_ON_STARTUP", "true"), ("APP_INIT_ETL_COMMAND", "sh etl/gone.sh")];
    trap(&url, &etl, 82, &["etl", "`etl/gone.sh`"]);
    // A module cannot be looked for without its interpreter.
    let image = image();
    let module = [("APP_INIT_API_COMMAND", "sh -c gone.sh")];
    assert_eq!(reports(image.path(), &url, &module).0.code, 0);
}

#[test]
fn the_program_of_every_command_is_looked_for() {
    let (url, image) = (Postgres::shared().database(), image_without_migrations());
    fs::remove_dir_all(image.path().join("seeds")).unwrap();
    let steps = "[steps.assets]\nrun = [\"no-assets-9\"]\nwhen = { env = \"ASSETS\", default = true }\n\
        [modes.api]\nexec = [\"no-server-9\"]\n";
    fs::write(image.path().join("init.toml"), steps).unwrap();
    let commands = [
        ("APP_INIT_MIGRATE_COMMAND", "no-migrate-9"),
        ("APP_INIT_SEED_COMMAND", "no-seed-9"),
        ("RUN_ETL_ON_STARTUP", "true"),
        ("APP_INIT_ETL_COMMAND", "no-etl-9"),
        ("APP_INIT_API_COMMAND", ""),
    ];
    let (_, report) = reports(image.path(), &url, &commands);
    let errors = found(&report, "error");
    for name in ["no-migrate-9", "no-seed-9", "no-etl-9", "no-assets-9"] {
        assert!(errors.iter().any(|error| error.contains(name)), "{name}: {errors:#?}");
    }
    // The image's own step runs first and may bring the server along.
    let warnings = found(&report, "warning");
    assert!(warnings.iter().any(|warning| warning.contains("no-server-9")), "{warnings:#?}");
}

#[test]
fn a_missing_server_is_not_said_to_be_the_end() {
    let (url, image) = (Postgres::shared().database(), image());
    let (text, report) = reports(image.path(), &url, &[("APP_INIT_API_COMMAND", "")]);
    assert_eq!(text.code, 78, "{}", text.stdout);
    let (_, unread) = reports(image.path(), &url, &[("APP_INIT_API_COMMAND", "a && b")]);
    for report in [report, unread] {
        let ok = found(&report, "ok");
        assert!(ok.iter().any(|line| line.contains("dirs, wait, migrate, seed, …")), "{ok:#?}");
    }
}

#[test]
fn files_that_the_settings_name_are_looked_at() {
    let url = Postgres::shared().database();
    let image = image();
    fs::write(image.path().join("empty"), "").unwrap();
    fs::create_dir(image.path().join("none")).unwrap();
    let odd = [
        ("APP_INIT_LOCK_NAME_FILE", "empty"),
        ("APP_INIT_MIGRATIONS", "none"),
        ("APP_INIT_SEEDS", "none"),
    ];
    let (_, report) = reports(image.path(), &url, &odd);
    let warnings = found(&report, "warning");
    for said in ["`empty` is empty", "`none` holds no migration", "`none` holds no .sql file"] {
        assert!(warnings.iter().any(|warning| warning.contains(said)), "{said}: {warnings:#?}");
    }
    let awaited = [("APP_INIT_MIGRATIONS", "none"), ("AUTORUN_MIGRATIONS", "wait")];
    let (text, report) = reports(image.path(), &url, &awaited);
    let nothing = "nothing to wait for: `none` holds no migration";
    assert_eq!(text.code, 78, "{}{}", text.stdout, text.stderr);
    assert!(found(&report, "error").iter().any(|error| error.contains(nothing)), "{report:#}");
    let watch =
        [("APP_INIT_MIGRATE_COMMAND", "sh app/main.sh"), ("APP_INIT_MIGRATE_WATCH", "gone")];
    let (_, report) = reports(image_without_migrations().path(), &url, &watch);
    let errors = found(&report, "error");
    assert!(errors.iter().any(|error| error.contains("cannot read `gone`")), "{errors:#?}");
    trap(&url, &[("APP_INIT_SEEDS", "gone")], 66, &["files seeds", "no such file"]);
    let keys = format!("{url}?sslmode=prefer&sslcert=app/main.sh&sslkey=gone.key");
    trap(&keys, &[], 66, &["sslcert", "not in PEM form", "[tls-file]"]);
    trap(&keys, &[], 66, &["sslkey", "`gone.key`: there is no such file"]);
    let made = Certificates::made();
    let locked = made.path("locked.key");
    let dead = format!("postgres://u@127.0.0.1:{}/app", free_port());
    let key = format!("{dead}?sslcert=app/main.sh&sslkey={}", locked.display());
    trap(&key, &[], 66, &["files sslkey", "locked.key` is encrypted", "[tls-file]"]);
}

#[test]
fn a_path_from_a_variable_is_never_shown() {
    let url = Postgres::shared().database();
    let secret = [("APP_INIT_API_COMMAND", "sh ${SECRET_PATH}"), ("SECRET_PATH", CANARY)];
    let image = image();
    assert_eq!(reports(image.path(), &url, &secret).0.code, 0);
    let path = format!("{CANARY}.sh");
    let secret = [("APP_INIT_API_COMMAND", "sh ${SECRET_PATH}"), ("SECRET_PATH", path.as_str())];
    trap(&url, &secret, 127, &["the script its argument does not exist"]);
}

#[test]
fn a_stop_signal_ends_the_look() {
    let silent = Fake::silent();
    let url = format!("postgres://app:{CANARY}@127.0.0.1:{}/app", silent.port);
    let image = image();
    let init = doctor(image.path(), &url, &[]).start();
    until("doctor has reached the server", || (silent.accepted() > 0).then_some(()));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.exit_code(), 143);
}

#[test]
fn a_directory_that_cannot_be_written_is_found() {
    let url = Postgres::shared().database();
    let image = image();
    fs::write(image.path().join("file"), "").unwrap();
    let (text, report) = reports(image.path(), &url, &[("APP_INIT_DIRS", "file")]);
    assert_eq!(text.code, 73, "{}", text.stdout);
    assert!(found(&report, "error")[0].contains("not a directory"), "{}", text.stdout);
    assert!(text.stdout.contains("hint: name another directory"), "{}", text.stdout);
    let closed = image.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let as_user = |init: Init| {
        if !Uid::effective().is_root() {
            return init;
        }
        // Root may write everywhere.
        chown(&closed, Some(0), Some(0)).unwrap();
        init.with(|command| {
            command.uid(12345).gid(12345);
        })
    };
    for directory in ["closed", "closed/deep/er"] {
        let end = as_user(doctor(image.path(), &url, &[("APP_INIT_DIRS", directory)])).run();
        assert_eq!(end.code, 73, "{directory}: {}{}", end.stdout, end.stderr);
        assert!(end.stdout.contains("chown"), "{}", end.stdout);
        if Uid::effective().is_root() {
            let owned = "it belongs to root:root (mode 555) and the server runs as uid 12345";
            assert!(end.stdout.contains(owned), "{}", end.stdout);
        }
    }
    assert!(!closed.join("deep").exists());
    if Uid::effective().is_root() {
        // By its mode root may write there.
        let (text, report) = reports(image.path(), &url, &[("APP_INIT_DIRS", "/proc/nowhere/x")]);
        assert_eq!(text.code, 73, "{}", text.stdout);
        let said = "cannot be made in `/proc`: the file system there takes no directories";
        assert!(found(&report, "error")[0].contains(said), "{}", text.stdout);
        assert!(text.stdout.contains("hint: name another directory"), "{}", text.stdout);
    }
}

#[test]
fn the_mode_decides_what_is_looked_at() {
    let image = image();
    let url = Postgres::shared().database();
    let end =
        doctor(image.path(), &url, &[("APP_INIT_API_COMMAND", "no-such-9")]).arg("migrate").run();
    assert_eq!(end.code, 0, "{}", end.stdout);
    let end = doctor(image.path(), &url, &[]).arg("nonsense").run();
    assert_eq!(end.code, 78, "{}", end.stdout);
    assert!(end.stdout.contains("unknown mode `nonsense`"), "{}", end.stdout);
    let help = Init::new(["doctor", "--help"]).run();
    assert!(help.stdout.contains("init doctor [MODE] [--json]"), "{}", help.stdout);
}

#[test]
fn another_user_is_asked_in_their_own_name() {
    let url = Postgres::shared().database();
    let image = image();
    for (name, mode) in [("theirs", 0o777), ("fresh", 0o755), ("closed", 0o755)] {
        let path = image.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::write(image.path().join("closed/file"), "").unwrap();
    let user = [("APP_INIT_USER", "12345:12345"), ("APP_INIT_DIRS", "theirs fresh closed new")];
    let (text, report) = reports(image.path(), &url, &user);
    let errors = found(&report, "error");
    if !Uid::effective().is_root() {
        assert_eq!(text.code, 78, "only root can become another user:\n{}", text.stdout);
        return;
    }
    assert_eq!(text.code, 73, "{}", text.stdout);
    assert!(errors.len() == 1 && errors[0].contains("closed"), "{errors:#?}");
    assert!(text.stdout.contains("chown 12345:12345 closed"), "{}", text.stdout);
    assert!(!image.path().join("new").exists());
    let script = image.path().join("app/main.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let user = [
        ("APP_INIT_USER", "12345"),
        ("APP_INIT_API_COMMAND", "./app/main.sh"),
        ("APP_INIT_DIRS", "new"),
    ];
    let (text, report) = reports(image.path(), &url, &user);
    assert_eq!(text.code, 126, "{}", text.stdout);
    assert_eq!(found(&report, "error").len(), 1, "{}", text.stdout);
}
