//! What a command line says apart from where it is run: the words that are remembered as a hash.

use super::{environment::Environment, types::boolean};

/// The environment in which the words of a command are the same for every replica of an image.
///
/// Values that name a connection or a secret, and what app-init itself tells children, are replaced
/// by their names: a rotated password, or the role with fewer rights of a replica that only waits,
/// makes no other command. All other values stay, so `alembic upgrade ${REVISION:-head}` is another
/// command when `REVISION` is. Booleans stay too: they decide about words and hold no secret.
pub(crate) fn of_image(environment: &Environment) -> Environment {
    Environment::new(environment.iter().map(|(name, value)| {
        let text = value.to_string_lossy();
        let is_own = name.to_str().is_some_and(|name| is_particular(name, &text));
        let neutral = is_own && !text.is_empty() && boolean(&text).is_none();
        let value = if neutral { name } else { value };
        (name.to_owned(), value.to_owned())
    }))
}

/// Starts of names that are about a database; what follows says whether they name a part of a connection.
const STARTS: [&str; 5] = ["DATABASE_", "POSTGRES_", "PG_", "DB_", "MIGRATE_DATABASE_"];
/// What names a part of a connection, as a word of such a name. `DB_REVISION` is none: it says what to do.
const CONNECTS: [&str; 28] = [
    "ADDR", "ADDRESS", "AUTH", "CERT", "DATABASE", "DB", "DOMAIN", "ENDPOINT", "HOST", "HOSTADDR",
    "HOSTNAME", "HOSTS", "KEY", "LOGIN", "NAME", "OPTIONS", "PARAMS", "PASS", "PORT", "PW", "PWD",
    "ROLE", "SERVER", "SOCKET", "SSL", "SSLMODE", "USER", "USERNAME",
];
/// Parts of names that hold a secret or an address.
const PARTS: [&str; 9] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "_KEY", "_URL", "_URI", "_DSN"];

fn is_particular(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_libpqs = name.strip_prefix("PG").is_some_and(|rest| !rest.starts_with('_'));
    is_libpqs
        || name.starts_with("APP_INIT_")
        || is_of_connection(&name)
        || PARTS.iter().any(|part| name.contains(part))
        || value.contains("://")
}

fn is_of_connection(name: &str) -> bool {
    let rest = STARTS.iter().find_map(|start| name.strip_prefix(start));
    rest.is_some_and(|rest| rest.split('_').any(|word| CONNECTS.contains(&word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::command::Template;

    fn words(command: &str, variables: &[(&str, &str)]) -> String {
        let pairs = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let environment = of_image(&Environment::new(pairs));
        let line = Template::parse(command).unwrap().expand(&environment, 0).unwrap();
        line.argv.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn connections_and_secrets_are_their_names() {
        for (command, variables, expected) in [
            ("a ${DATABASE_URL}", vec![("DATABASE_URL", "postgres://u:pw@h/d")], "a DATABASE_URL"),
            ("a ${X}", vec![("X", "jdbc:postgresql://h/d")], "a X"),
            (
                "a ${MY_TOKEN} ${PGHOST}",
                vec![("MY_TOKEN", "t"), ("PGHOST", "h")],
                "a MY_TOKEN PGHOST",
            ),
            ("a ${APP_INIT_MODE}", vec![("APP_INIT_MODE", "api")], "a APP_INIT_MODE"),
            ("a ${REVISION:-head}", vec![("REVISION", "ae10")], "a ae10"),
            ("a ${REVISION:-head}", vec![], "a head"),
            ("a ${DB_REVISION:-head}", vec![("DB_REVISION", "ae10")], "a ae10"),
            (
                "a ${DATABASE_SCHEMA} ${PG_TARGET}",
                vec![("DATABASE_SCHEMA", "s"), ("PG_TARGET", "t")],
                "a s t",
            ),
            (
                "a ${DB_USER} ${PG_HOST}",
                vec![("DB_USER", "u"), ("PG_HOST", "h")],
                "a DB_USER PG_HOST",
            ),
            (
                "a ${MIGRATE_DATABASE_SSL_CERT}",
                vec![("MIGRATE_DATABASE_SSL_CERT", "c")],
                "a MIGRATE_DATABASE_SSL_CERT",
            ),
            ("a ${?DB_VERBOSE:--v}", vec![("DB_VERBOSE", "on")], "a --v"),
            ("a ${DATABASE_URL:-none}", vec![("DATABASE_URL", "")], "a none"),
        ] {
            assert_eq!(words(command, &variables), expected, "{command} {variables:?}");
        }
    }
}
