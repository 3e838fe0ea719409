//! What doctor says of the settings and of the variables themselves.

use super::{found, image, reports, trap};
use crate::support::{CANARY, Init, Postgres};

#[test]
fn odd_values_are_warnings_by_name_only() {
    let image = image();
    let url = Postgres::shared().database();
    let quoted = format!("\"{CANARY}\"");
    let crlf = format!("{CANARY}\r");
    let blank = format!("{CANARY}\n");
    let odd = [
        ("APP_NAME", quoted.as_str()),
        ("SECRET_KEY", crlf.as_str()),
        ("API_KEY", "${API_KEY}"),
        ("JWT_SECRET", "changeme"),
        ("BLANK_KEY", blank.as_str()),
        ("APP_INIT_WAIT_TIMEUOT", "5s"),
        ("APP_INIT_LOCK_NAME", ""),
    ];
    let (text, report) = reports(image.path(), &url, &odd);
    assert_eq!(text.code, 0, "{}", text.stdout);
    let warnings = found(&report, "warning");
    assert_eq!(warnings.len(), odd.len(), "{warnings:#?}");
    for (name, _) in odd {
        assert!(warnings.iter().any(|warning| warning.contains(name)), "{name}: {warnings:#?}");
    }
    let quoted = format!("'{url}'");
    let (text, report) = reports(image.path(), &quoted, &[]);
    assert_eq!(text.code, 0, "{}", text.stdout);
    let warnings = found(&report, "warning");
    assert!(warnings.len() == 1 && warnings[0].contains("DATABASE_URL"), "{warnings:#?}");
}

#[test]
fn mistakes_in_the_settings_do_not_hide_the_rest() {
    let url = Postgres::shared().database();
    let image = image();
    let wrong = [
        ("APP_INIT_REQUIRE", "NOMINATIM_URL"),
        ("NOMINatIM_URL", "x"),
        ("SEED_ON_START", "perhaps"),
    ];
    let (text, report) = reports(image.path(), &url, &wrong);
    assert_eq!(text.code, 78, "{}", text.stdout);
    let errors = found(&report, "error");
    assert!(errors.iter().any(|error| error.contains("NOMINATIM_URL")), "{errors:#?}");
    assert!(errors.iter().any(|error| error.contains("SEED_ON_START")), "{errors:#?}");
    assert!(text.stdout.contains("login: as postgres"), "{}", text.stdout);
    for (name, value) in [("DATABASE_URL", "${DATABASE_URL}"), ("DATABASE_URL", "mysql://h/d")] {
        trap(&url, &[(name, value)], 78, &["settings", name]);
    }
    let file = "/run/secrets/no-such-secret-9";
    trap(&url, &[("DATABASE_URL", ""), ("DATABASE_URL_FILE", file)], 66, &[file]);
}

#[test]
fn a_placeholder_is_called_one_wherever_it_stands() {
    let (image, url) = (image(), Postgres::shared().database());
    let hints = |more: &[(&str, &str)]| {
        let (_, report) = reports(image.path(), &url, more);
        let findings = report["findings"].as_array().unwrap().clone();
        let bad = findings.into_iter().filter(|finding| finding["level"] == "error");
        bad.map(|finding| format!("{}: {}", finding["subject"], finding["hint"]))
            .collect::<Vec<_>>()
    };
    for (name, value) in [
        ("DATABASE_HOST", "${DB_HOST}"),
        ("AUTORUN_MIGRATIONS", "$AUTORUN"),
        ("APP_INIT_WAIT_TIMEOUT", "${WAIT:-60}"),
    ] {
        let told = hints(&[("DATABASE_URL", ""), (name, value)]);
        let explained = |hint: &String| hint.contains(name) && hint.contains("by compose");
        assert!(told.iter().any(explained), "{name}: {told:#?}");
    }
}

#[test]
fn what_is_left_out_is_told() {
    let image = tempfile::tempdir().unwrap();
    let end = |variables: &[(&str, &str)]| {
        let init = Init::new(["doctor"]).current_dir(image.path());
        let init = variables.iter().fold(init, |init, (name, value)| init.env(name, value));
        let end = init.env("NO_COLOR", "1").run();
        let above = end.stdout.split("\ncontainer\n").next().unwrap().to_owned();
        (end.code, above)
    };
    let (code, nothing) = end(&[]);
    assert_eq!(code, 78);
    insta::assert_snapshot!(nothing, @r"
    settings
      ✗ mode api has no server: APP_INIT_API_COMMAND is unset
          hint: set it, or give the command: init api -- CMD

    network
      ✓ targets: nothing is waited for: no DATABASE_URL, no APP_INIT_WAIT_FOR
    ");
    let (_, unread) = end(&[("DATABASE_URL_FILE", "gone"), ("APP_INIT_API_COMMAND", "sh")]);
    assert!(unread.contains("cannot read `gone`") && !unread.contains("waited"), "{unread}");
    let (code, forgotten) = end(&[
        ("APP_INIT_API_COMMAND", "sh"),
        ("AUTORUN_MIGRATIONS", "true"),
        ("SEED_ON_START", "once"),
        ("APP_INIT_SKIP", "lock dirs"),
    ]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(forgotten.replace("/usr/bin/sh", "/bin/sh"), @r"
    settings
      ✓ mode api: sh
      ! APP_INIT_SKIP leaves out lock, dirs
          hint: it is for an emergency: remove it once that is over
      ! AUTORUN_MIGRATIONS is on, but there are no migrations: APP_INIT_MIGRATE_COMMAND is unset, and neither /migrations nor ./migrations is there
          hint: set APP_INIT_MIGRATIONS or APP_INIT_MIGRATE_COMMAND
      ! SEED_ON_START is on, but there are no seeds: APP_INIT_SEED_COMMAND is unset, and neither /seeds nor ./seeds is there
          hint: set APP_INIT_SEEDS or APP_INIT_SEED_COMMAND

    programs
      ✓ server: `sh` is /bin/sh

    network
      ✓ targets: nothing is waited for: no DATABASE_URL, no APP_INIT_WAIT_FOR
    ");
}
