//! `init help`: every text as a user reads it.

use crate::support::Init;

#[test]
fn help_about_a_setting_says_where_else_it_may_stand() {
    let help = |name| Init::new(["help", name]).run().stdout;
    insta::assert_snapshot!(help("APP_INIT_WAIT_TIMEOUT"), @r##"
    Waiting
      APP_INIT_WAIT_TIMEOUT  for all targets together [60s]
      --wait-timeout         the same as a flag
      wait_timeout           the same in init.toml
    "##);
    insta::assert_snapshot!(help("MIGRATE_DATABASE_URL"), @r##"
    Database
      MIGRATE_DATABASE_URL  for lock, migrate, seed; hidden from the server; or
                            DIRECT_URL
      migrate_database_url  the same in init.toml
    "##);
    insta::assert_snapshot!(help("APP_INIT_ENV_FILE"), @r##"
    Before the start
      APP_INIT_ENV_FILE  file of NAME=value lines, below the environment
      --env-file         the same as a flag
    "##);
    assert_eq!(help("DIRECT_URL"), help("MIGRATE_DATABASE_URL"));
}

#[test]
fn help_about_a_misspelt_setting_names_the_right_one() {
    for (name, meant) in [
        ("APP_INIT_MOED", "APP_INIT_MODE"),
        ("APP_INIT_AUTORUN_MIGRATION", "AUTORUN_MIGRATIONS"),
        ("seed_on_star", "SEED_ON_START"),
    ] {
        let end = Init::new(["help", name]).run();
        let said =
            format!("error: no help about `{name}`\nhint: did you mean `init help {meant}`?\n");
        assert_eq!((end.code, end.stderr), (64, said));
    }
}

#[test]
fn help_fits_a_screen() {
    let end = Init::new(["help"]).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    init waits until the database is ready, migrates it exactly once, and runs your
    server as a correct PID 1.

    Usage: init [MODE] [OPTIONS] [-- CMD…]

    Start
      api            wait; migrate, seed, etl as their switches say; serve (default)
      all            the same, and the etl always
      etl            wait, migrate, etl, exit
      migrate        wait, migrate, exit
      seed           wait, seed, exit; --force seeds again
      MODE           a mode of init.toml
      MODE -- CMD    with CMD as the server; -- --flag adds to the configured one

    Look
      plan [MODE]    what would run, and why; touches nothing    --json
      config         every setting and where it comes from       --check
      doctor [MODE]  all that a start would need, looked at now  --json
      status         applied, pending, divergent migrations      --json --exit-code
      wait [TARGET…] only wait, then hand over to what follows --
      healthcheck    for HEALTHCHECK and probes, without curl    --live --ready

    Everything else is handed over as it is, by the user the container was started
    as, whatever APP_INIT_USER says: `docker run image bash` works.

    Options
      -q, --quiet    only warnings and errors
      -v, --verbose  more; -vv for everything
      --SETTING …    any setting: APP_INIT_WAIT_TIMEOUT=30s is --wait-timeout 30s

    More: init help env | modes | config | exit-codes | COMMAND | SETTING
          init completions SHELL, init version
    "##);
}

#[test]
fn help_wait_says_how() {
    let end = Init::new(["wait", "--help"]).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    Wait until every target is ready, then exit, or hand over to CMD.

    Usage: init wait [TARGET…] [--timeout 30s] [-- CMD…]

      database                 the database of DATABASE_URL
      postgres://user@host/db  another one, in any dialect; ready means logged in
                               and answering, a port that accepts is not enough
      redis://:pw@host:6379/0  lets us in, has the database, answers PING
      rediss://…               the same with TLS
      http://host:80/path      answers 200 to 299
      https://…#status=200-399 the status that is wanted instead, or a range of them
      http://…#body=ready      the page must hold this text; both: #status=…&body=…
      tcp://host:5672          something accepts connections; or host:5672
      unix:///run/app.sock     the same on a socket
      file:///run/ready        exists
      dns://name               has an address

    All are waited for at once. Without a target it waits for APP_INIT_WAIT_FOR, or
    else for the database. Exit code 69 if a target was not ready in time, 77 if it
    refused us, 78 if it is not what its address says; wrong passwords and missing
    databases are tolerated for APP_INIT_WAIT_FATAL_GRACE.

    Coming from dockerize or wait-for-it
      -wait tcp://db:5432         database, if that is what it is; or tcp://db:5432
      -wait http://api/health     http://api/health
      -timeout 60s CMD            --timeout 60s -- CMD
      -wait-retry-interval 1s     not needed: the pace follows the kind of failure
      -wait-http-header, -template, -stdout, -stderr: no counterpart
      wait-for-it.sh db:5432      db:5432; also for -h db -p 5432
      -t 30, -t 0                 --timeout 30s, --timeout forever
      -s, --strict                always so: CMD runs only if all are ready
      -q                          --quiet
    "##);
}

#[test]
fn help_modes_explains_them() {
    let end = Init::new(["help", "modes"]).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    A mode says which steps run, which of them are demanded, and what follows.

      mode     steps                      demanded  then
      api      wait, migrate, seed, etl   -         the server
      all      wait, migrate, seed, etl   etl       the server
      etl      wait, migrate              etl       exit
      migrate  wait                       migrate   exit
      seed     wait                       seed      exit

    A step runs as its switch says (AUTORUN_MIGRATIONS, SEED_ON_START,
    RUN_ETL_ON_STARTUP); a demanded one runs whatever its switch says, and it is an
    error (78) if nobody configured it. `init seed` seeds once per database unless
    SEED_ON_START is true or --force is given.

    Modes of your own stand in init.toml:

      [modes.worker]
      steps  = ["wait"]          # without it: the steps of api
      always = []                # steps that are demanded
      exec   = ["celery", "-A", "src.worker", "worker"]   # without it: exit

    The order is always dirs, user, wait, migrate, seed, then the others as listed.
    `init plan MODE` shows what a mode would do here.
    "##);
}

#[test]
fn help_exit_codes_is_the_table() {
    let end = Init::new(["help", "exit-codes"]).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    code   reason         retry meaning
    0      done           -     all done, or the server exited 0
    64     usage          no    the command line cannot be understood
    66     file_missing   no    a file that was named is missing or unreadable
    69     not_ready      yes   a dependency was not ready in time
    70     internal       no    a bug in app-init
    73     directory      no    a directory is missing or not writable
    75     lock           yes   the migration lock was not obtained in time, or lost
    77     refused        no    the database refused credentials or rights
    78     config         no    the settings are invalid
    80     migrate_failed no    a migration failed
    81     seed_failed    no    a seed failed
    82     etl_failed     no    the ETL job failed
    83     step_failed    no    a step of init.toml failed
    84     timeout        maybe a step ran past its timeout
    126    not_executable no    the server command cannot be executed
    127    not_found      no    the server command was not found
    128+N  signal         -     ended by signal N
    other  server         -     the server's own code
    "##);
}

#[test]
fn help_env_lists_every_setting() {
    let end = Init::new(["help", "env"]).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    Flag > variable or NAME_FILE > APP_INIT_ENV_FILE > init.toml > default.
    APP_INIT_WAIT_TIMEOUT is --wait-timeout and, in init.toml, wait_timeout.
    Durations: 500ms 30s 5m 1h forever. Lists: by commas or blanks.
    Booleans: true yes on 1, false no off 0.
    Secrets are no flags, because /proc shows flags: set DATABASE_URL or its _FILE.
    A command may hold ${X}, expanded at each start. Dockerfile and compose expand
    it themselves: write \${X} in ENV, $${X} in a compose file.

    Database
      DATABASE_URL          else composed from DATABASE_*, POSTGRES_*, PG*
      DATABASE_USER         the user, where the URL names none
      DATABASE_PASSWORD     the password, where the URL has none
      MIGRATE_DATABASE_URL  for lock, migrate, seed; hidden from the server; or
                            DIRECT_URL

    Switches
      AUTORUN_MIGRATIONS  true, false, or wait: start once others have migrated
                          [true]
      SEED_ON_START       false, true, or once: once per database [false]
      RUN_ETL_ON_STARTUP  true makes `init api` behave as `init all` [false]
      APP_INIT_MODE       the mode when the command line names none [api]
      APP_INIT_SKIP       break glass: wait, lock, migrate, seed, etl, dirs

    Commands and folders
      APP_INIT_API_COMMAND      the server
      APP_INIT_MIGRATIONS       folder of SQL migrations; /migrations or
                                ./migrations if there
      APP_INIT_MIGRATE_COMMAND  or the app's own tool: alembic upgrade head
      APP_INIT_MIGRATE_WATCH    files that decide the command's outcome; unchanged =
                                skip it
      APP_INIT_MIGRATE_TABLE    the command's version table; those of known tools
                                are found
      APP_INIT_MIGRATE_STRICT   refuse a database that is ahead of this image
                                [false]
      APP_INIT_SEEDS            folder of .sql files; /seeds or ./seeds if there
      APP_INIT_SEED_COMMAND     or a command that seeds
      APP_INIT_SEED_ID          change it to let `once` run again [1]
      APP_INIT_ETL_COMMAND      the ETL job

    Waiting
      APP_INIT_WAIT_FOR          targets, all in parallel; the database if known
      APP_INIT_SEED_WAIT_FOR     more targets, only when it will seed
      APP_INIT_ETL_WAIT_FOR      more targets, only when the ETL will run
      APP_INIT_WAIT_TIMEOUT      for all targets together [60s]
      APP_INIT_WAIT_FATAL_GRACE  how long a refused password is tolerated [10s]

    Locks, limits, failures
      APP_INIT_LOCK_TIMEOUT               how long to queue behind another replica
                                          [15m]
      APP_INIT_LOCK_NAME                  namespace of lock and markers; the
                                          database's name
      APP_INIT_SCHEMA                     where markers are kept [app_init]
      APP_INIT_MIGRATE_TIMEOUT            limit of the migrate step [forever]
      APP_INIT_MIGRATE_LOCK_TIMEOUT       how long a statement of a file waits for a
                                          table lock [3s]
      APP_INIT_MIGRATE_LOCK_RETRY         how long a file that got no table lock is
                                          tried again [5m]
      APP_INIT_MIGRATE_STATEMENT_TIMEOUT  limit of a statement of a file; unset is
                                          the server's
      APP_INIT_SEED_TIMEOUT               limit of the seed step [forever]
      APP_INIT_ETL_TIMEOUT                limit of the ETL job [forever]
      APP_INIT_SEED_ON_FAILURE            abort or continue [abort]
      APP_INIT_ETL_ON_FAILURE             abort or continue [abort]

    Before the start
      APP_INIT_REQUIRE   names that must be set and not empty
      APP_INIT_DIRS      directories that must exist and be writable
      APP_INIT_USER      name|uid[:gid] to become, if started as root
      APP_INIT_CONFIG    /etc/app-init/init.toml or ./init.toml if there
      APP_INIT_ENV_FILE  file of NAME=value lines, below the environment

    The server
      APP_INIT_HANDOFF          supervise, exec, or auto: supervise as PID 1 [auto]
      APP_INIT_STOP_DELAY       wait before a stop signal is forwarded [0]
      APP_INIT_STOP_GRACE       after a stop: SIGKILL to the group [forever]
      APP_INIT_LEFTOVER_GRACE   for what still runs when the server has ended [5s]
      APP_INIT_SIGNAL_TARGET    who gets forwarded signals: child or group [child]
      APP_INIT_SIGNAL_MAP       TERM=QUIT replaces, X= drops
      APP_INIT_SUCCESS_CODES    exit codes that become 0: 143
      APP_INIT_SIGNALS_INHERIT  keep ignored signals ignored (nohup) [false]
      APP_INIT_HEALTHCHECK_URL  what `--ready` asks
                                [http://127.0.0.1:${PORT:-8000}/health]

    Output
      APP_INIT_LOG_FORMAT       text or json, on stderr [text]
      APP_INIT_LOG_LEVEL        error warn info debug trace; also -q -v -vv [info]
      APP_INIT_HEARTBEAT        interval of the line for a long wait or step [15s]
      APP_INIT_TERMINATION_LOG  reason of a failure, where writable
                                [/dev/termination-log]

    Told to children: APP_INIT_MODE, APP_INIT_STEP, APP_INIT_NPROC
    "##);
}

#[test]
fn help_config_describes_the_file() {
    let end = Init::new(["help", "config"]).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    `init config` prints all settings, their values and where they come from;
    `init config --check` only says what is wrong: in the Dockerfile, it fails the
    build on a mistake.

    init.toml describes the image; the environment, which wins, the deployment.
    It is /etc/app-init/init.toml, else ./init.toml, or what APP_INIT_CONFIG names.

      require = ["DATABASE_URL"]                # must be set and not empty
      dirs    = ["/app/logs"]                   # must exist and be writable

      [steps.migrate]                           # also wait, seed, etl
      run   = ["alembic", "upgrade", "head"]
      watch = ["alembic/versions"]

      [steps.etl]
      run        = ["python", "-m", "etl", "${?GEOCODE:--geocode}"]
      wait       = ["tcp://nominatim:8080"]     # only when the step will run
      timeout    = "10m"
      on_failure = "continue"

      [steps.assets]                            # your own step, with its switch
      run  = ["rails", "assets:precompile"]
      when = { env = "PRECOMPILE_ON_BOOT", default = false }

      [modes.api]
      exec = ["uvicorn", "app:app", "--workers", "${UVICORN_WORKERS:-auto}"]

    Commands are words or lists; no shell is involved. Inside a word:
      ${X}  ${X:-default}  ${X:+if set}  ${X:?message}  ${?X:word if X is true}

    Any setting is a key at the top level:
      database_url              database_user             database_password
      migrate_database_url      autorun_migrations        seed_on_start
      run_etl_on_startup        mode                      skip
      api_command               migrations                migrate_command
      migrate_watch             migrate_table             migrate_strict
      seeds                     seed_command              seed_id
      etl_command               wait_for                  seed_wait_for
      etl_wait_for              wait_timeout              wait_fatal_grace
      lock_timeout              lock_name                 schema
      migrate_timeout           migrate_lock_timeout      migrate_lock_retry
      migrate_statement_timeout seed_timeout              etl_timeout
      seed_on_failure           etl_on_failure            require
      dirs                      user                      handoff
      stop_delay                stop_grace                leftover_grace
      signal_target             signal_map                success_codes
      signals_inherit           healthcheck_url           log_format
      log_level                 heartbeat                 termination_log
    "##);
}

#[test]
fn help_about_nothing_is_64() {
    let end = Init::new(["help", "nix"]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: no help about `nix`
    hint: there is `init help env`, `modes`, `config`, `exit-codes`, `wait`, `plan`, `status`, `doctor`, `healthcheck`, `completions`, and the name of a setting
    "##);
}

#[test]
fn help_fits_eighty_columns() {
    for topic in [
        "",
        "env",
        "modes",
        "config",
        "exit-codes",
        "wait",
        "plan",
        "status",
        "doctor",
        "healthcheck",
        "completions",
    ] {
        let words = if topic.is_empty() { vec!["help"] } else { vec!["help", topic] };
        let end = Init::new(words).run();
        let widest = end.stdout.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "help {topic} is {widest} columns wide:\n{}", end.stdout);
    }
}
