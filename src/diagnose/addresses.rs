//! The ids of what can be wrong with an address before anything is tried; the words are those of
//! `config::database::Problem`. Only for docs/troubleshooting.md: all of them end with exit code 78.

/// Id, what it means, what to do.
pub(super) const ADDRESSES: &[(&str, &str, &str)] = &[
    ("url-empty", "the address is empty, or nothing but blanks and quotes", super::SET_DATABASE),
    (
        "url-placeholder",
        "the address is a placeholder that nobody replaced: `$DATABASE_URL`, `${X}`, `$(X)`, `{{ … }}`, `<url>`",
        "a reference such as ${X} is expanded by the shell or by compose, not in an env file or a quoted manifest",
    ),
    (
        "url-malformed",
        "the address cannot be read: a host, port or part of it is none",
        "`@`, `:`, `/`, `?`, `#` and `%` in a password are written %40, %3A, %2F, %3F, %23 and %25; the form is postgres://user:password@host:5432/database",
    ),
    (
        "url-hosts",
        "the lists of hosts, addresses and ports do not fit one another",
        "give as many ports as hosts, or one for all, and IP addresses as hostaddr",
    ),
    (
        "url-value",
        "a parameter has a value that is none of its own",
        "the message lists the values that there are; they are libpq's (PostgreSQL manual, 34.1.2)",
    ),
    (
        "url-unsupported",
        "a security demand that app-init cannot meet, so that it is not dropped silently",
        "take it out of what app-init gets, be it the address or a PG variable, if the app can do without",
    ),
    (
        "url-foreign",
        "the address is not one of Postgres: `mysql://`, `sqlite:` and the like",
        "app-init migrates and waits for Postgres; other services can be waited for as redis://, http://, tcp://host:port",
    ),
    (
        "url-prisma",
        "the address of a Prisma proxy, which is spoken over HTTP",
        "give app-init the direct postgres:// address, as MIGRATE_DATABASE_URL or DIRECT_URL",
    ),
    (
        "url-no-user",
        "no user is named, and the operating system's has no name",
        "put it into the address, or set DATABASE_USER or PGUSER",
    ),
    (
        "service-missing",
        "no service file defines the service that the address names",
        "look at PGSERVICEFILE, ~/.pg_service.conf and the name in PGSERVICE",
    ),
    ("target-database", "`database` is waited for, but no database is set", super::SET_DATABASE),
    (
        "target-unknown",
        "what is waited for is no target, or its address cannot be read",
        "`init help wait` lists all kinds of targets",
    ),
];
