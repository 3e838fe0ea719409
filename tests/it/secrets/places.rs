//! Everywhere a password can stand. `PW`, `PORT`, `DIR` and `NAME` are filled in.

/// Where a password can stand; `PW` and `PORT` are filled in.
pub(super) const SHAPES: &[&str] = &[
    "postgres://user:PW@127.0.0.1:PORT/app",
    "postgresql+asyncpg://user:PW@127.0.0.1:PORT/app?ssl=false",
    "POSTGRES://user:PW@127.0.0.1:PORT/app?schema=app&connection_limit=5",
    "postgres://127.0.0.1:PORT/app?user=user&password=PW",
    "postgres://user:PW@127.0.0.1:PORT,127.0.0.1:PORT/app?target_session_attrs=primary",
    "postgres://user:PW@/app?host=127.0.0.1&port=PORT",
    "postgres://user:PW@no-such-host.invalid:PORT/app",
    "postgres://user:PW@127.0.0.1:PORT/app?sslmode=verify-full&sslrootcert=/nowhere",
    "jdbc:postgresql://127.0.0.1:PORT/app?user=user&password=PW",
    "host=127.0.0.1 port=PORT dbname=app user=user password=PW",
    "host=127.0.0.1 port=PORT dbname=app user=user password='PW'",
    "Host=127.0.0.1;Port=PORT;Database=app;Username=user;Password=PW",
    "\"postgres://user:PW@127.0.0.1:PORT/app\"",
    "mysql://user:PW@127.0.0.1:PORT/app",
    "prisma+postgres://127.0.0.1:PORT/?api_key=PW",
    "redis://user:PW@127.0.0.1:PORT/0",
    "redis://:PW@127.0.0.1:PORT",
    "rediss://user:PW@127.0.0.1:PORT/0",
    "http://127.0.0.1:PORT/?token=PW",
    "http://user:PW@127.0.0.1:PORT/",
    "https://user:PW@127.0.0.1:PORT/health#status=200",
    "postgres:user:PW@127.0.0.1:PORT/app",
    "postgres:/user:PW@127.0.0.1:PORT/app",
    "user:PW@127.0.0.1:PORT/app",
    "jdbc:postgresql://127.0.0.1:PORT/app?user=user&trustStorePassword=PW",
    "postgres://user@127.0.0.1:PORT/app?sslmode=require&sslcert=DIR/file&sslkey=DIR/file&sslpassword=PW",
    "host=127.0.0.1 port=PORT dbname=app user=user sslkey=DIR/file sslcert=DIR/file sslpassword='PW'",
];

/// Where else a password can stand: variables, and the text of `DIR/file`.
pub(super) const BESIDE: &[(&[(&str, &str)], &str)] = &[
    (
        &[("DATABASE_URL", "postgres://user@127.0.0.1:PORT/app"), ("PGPASSFILE", "DIR/file")],
        "other:1:app:user:PW\n127.0.0.1:PORT:app:user:PW\n",
    ),
    (
        &[("MIGRATE_DATABASE_URL", "postgres://user@127.0.0.1:PORT/app?passfile=DIR/file")],
        "*:*:*:*:PW",
    ),
    (
        &[("DATABASE_URL", "postgres:///?service=app"), ("PGSERVICEFILE", "DIR/file")],
        "[other]\npassword=PW\n[app]\nhost=127.0.0.1\nport=PORT\nuser=user\npassword=PW\n",
    ),
    (
        &[("DATABASE_URL", "host=127.0.0.1 service=app servicefile=DIR/file")],
        "[app]\nport=PORT\nuser=user\npassword = PW\nsslkey=DIR/file\nsslpassword=PW\nodd PW\n",
    ),
    (
        &[("DATABASE_URL", "postgres:///?service=none"), ("PGSERVICEFILE", "DIR/file")],
        "[PW]\npassword=PW",
    ),
    (&[("PGHOST", "127.0.0.1"), ("PGPORT", "PORT"), ("PGUSER", "user"), ("PGPASSWORD", "PW")], ""),
    (&[("DATABASE_HOST", "127.0.0.1"), ("DATABASE_PORT", "PORT"), ("DATABASE_PASSWORD", "PW")], ""),
    (
        &[
            ("POSTGRES_HOST", "127.0.0.1"),
            ("POSTGRES_PORT", "PORT"),
            ("POSTGRES_PASSWORD_FILE", "DIR/file"),
        ],
        "PW\n",
    ),
    (&[("DATABASE_URL_FILE", "DIR/file")], "postgres://user:PW@127.0.0.1:PORT/app\r\n"),
    (&[("MIGRATE_DATABASE_URL_FILE", "DIR/file")], "postgres://user:PW@127.0.0.1:PORT/app\n"),
    (
        &[("APP_INIT_ENV_FILE", "DIR/file")],
        "DATABASE_URL=postgres://user:PW@127.0.0.1:PORT/app\nAPP_INIT_WAIT_FOR=redis://:PW@127.0.0.1:PORT\n",
    ),
    (&[("APP_INIT_ENV_FILE", "DIR/file")], "PGPASSWORD='PW\nPGHOST=127.0.0.1\nPW\n"),
];

/// Where an address can stand. A command shows its words.
pub(super) const SETTINGS: &[&str] = &[
    "DATABASE_URL",
    "MIGRATE_DATABASE_URL",
    "APP_INIT_WAIT_FOR",
    "APP_INIT_SEED_WAIT_FOR",
    "APP_INIT_ETL_WAIT_FOR",
    "APP_INIT_API_COMMAND",
    "APP_INIT_MIGRATE_COMMAND",
];

/// Variables that are a password; each may name a file instead.
pub(super) const VARIABLES: &[&str] = &[
    "DATABASE_PASSWORD",
    "DATABASE_PASS",
    "POSTGRES_PASSWORD",
    "DB_PASSWORD",
    "DB_PASS",
    "PGPASSWORD",
];

/// Ends of names whose value is a secret, wherever a command names them.
pub(super) const NAMES: &[&str] = &[
    "password",
    "sslpassword",
    "PGPASSWORD",
    "passwd",
    "passphrase",
    "DB_PASS",
    "pwd",
    "token",
    "secret",
    "SECRET_KEY",
    "apikey",
    "api-key",
    "accesskey",
    "secret-key",
];

/// How a command can name one.
pub(super) const WORDS: &[&str] = &[
    "tool --NAME=PW up",
    "tool --NAME PW up",
    "tool --NAME 'PW' up",
    "tool NAME=PW up",
    "NAME=PW tool up",
    "[\"tool\", \"--NAME=PW\"]",
    "[\"tool\", \"--NAME\", \"PW\"]",
    "tool http://127.0.0.1:PORT/?NAME=PW",
];
