//! `init plan` on the real binary: what would run and why, with no network and no side effect.

use crate::{
    config::folder,
    support::{CANARY, Init},
};

/// An image with migrations, an ETL, a step and a mode of its own.
const IMAGE: &[(&str, &str)] = &[
    ("migrations/V1__a.sql", ""),
    (
        "init.toml",
        r#"dirs = ["logs"]

[steps.etl]
run  = ["python", "-m", "etl", "--duplicates", "${ETL_DUPLICATE_HANDLING:-skip}"]
wait = ["tcp://nominatim:8080"]

[steps.assets]
run  = ["rails", "assets:precompile"]
when = { env = "PRECOMPILE_ON_BOOT", default = false }

[modes.api]
exec = ["uvicorn", "app:app", "--workers", "${UVICORN_WORKERS:-auto}"]

[modes.worker]
steps = ["wait"]
exec  = ["celery", "worker"]
"#,
    ),
];

#[test]
fn plan_of_api_gives_the_reason_of_each_skip() {
    let folder = folder(IMAGE);
    let end = Init::new(["plan"])
        .env("DATABASE_URL", format!("postgres://app:{CANARY}@db:5432/app"))
        .env("PATH", "/nowhere")
        .current_dir(folder.path())
        .run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    mode api

      dirs     logs
      wait     for database db:5432/app (writable), at most 1m
      migrate  folder migrations
      seed     skip: SEED_ON_START is false
      etl      skip: RUN_ETL_ON_STARTUP is false
      assets   skip: PRECOMPILE_ON_BOOT is false
      server   uvicorn app:app --workers ${UVICORN_WORKERS:-auto}

      missing  server: cannot run `uvicorn`: no program of that name in PATH (/nowhere)
      hint     install it in the image, or write its full path
    "##);
}

#[test]
fn plan_of_all_demands_the_etl() {
    let folder = folder(IMAGE);
    let end = Init::new(["plan", "all"])
        .env("DATABASE_URL", format!("postgres://app:{CANARY}@db:5432/app"))
        .env("PATH", "/nowhere")
        .current_dir(folder.path())
        .run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    mode all

      dirs     logs
      wait     for database db:5432/app (writable), tcp nominatim:8080, at most 1m
      migrate  folder migrations
      seed     skip: SEED_ON_START is false
      etl      python -m etl --duplicates ${ETL_DUPLICATE_HANDLING:-skip}
      assets   skip: PRECOMPILE_ON_BOOT is false
      server   uvicorn app:app --workers ${UVICORN_WORKERS:-auto}

      missing  etl: cannot run `python`: no program of that name in PATH (/nowhere)
      hint     install it in the image, or write its full path
      missing  server: cannot run `uvicorn`: no program of that name in PATH (/nowhere)
      hint     install it in the image, or write its full path
    "##);
}

#[test]
fn plan_of_a_mode_of_the_file() {
    let folder = folder(IMAGE);
    let end = Init::new(["plan", "worker"])
        .env("DATABASE_URL", format!("postgres://app:{CANARY}@db:5432/app"))
        .env("PATH", "/nowhere")
        .current_dir(folder.path())
        .run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    mode worker

      dirs     logs
      wait     for database db:5432/app, at most 1m
      server   celery worker

      missing  server: cannot run `celery`: no program of that name in PATH (/nowhere)
      hint     install it in the image, or write its full path
    "##);
}

#[test]
fn plan_as_json() {
    let folder = folder(IMAGE);
    let end = Init::new(["plan", "migrate", "--json"])
        .env("DATABASE_URL", format!("postgres://app:{CANARY}@db:5432/app"))
        .env("PATH", "/nowhere")
        .current_dir(folder.path())
        .run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    {
      "mode": "migrate",
      "phases": [
        {
          "name": "dirs",
          "action": "do",
          "what": "logs"
        },
        {
          "name": "wait",
          "action": "do",
          "what": "for database db:5432/app (writable), at most 1m"
        },
        {
          "name": "migrate",
          "action": "do",
          "what": "folder migrations"
        }
      ],
      "server": null,
      "missing": []
    }
    "##);
}

/// A plan makes no directory although the start would.
#[test]
fn a_plan_changes_nothing() {
    let folder = folder(IMAGE);
    let url = format!("postgres://app:{CANARY}@db:5432/app");
    let end = Init::new(["plan"]).env("DATABASE_URL", url).current_dir(folder.path()).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert!(end.stdout.contains("dirs") && !folder.path().join("logs").exists());
}
