//! What may be printed of a text that may hold a credential.

/// Schemes at which one URL of a text ends and the next begins.
const SCHEMES: [&str; 14] = [
    "postgres",
    "postgresql",
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "http",
    "https",
    "tcp",
    "unix",
    "file",
    "dns",
    "mysql",
    "amqp",
];

/// Ends of names whose value is a secret, in lower case.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "token",
    "secret",
    "_key",
    "apikey",
    "api-key",
    "accesskey",
    "secret-key",
];

/// Replaces the password of every URL (`://user:…@`, `user:…@` without a scheme) and every
/// `password=…` in `text` by `***`.
///
/// Rather too much than too little: a password may hold `@`, blanks, quotes and `&`, so a URL's user
/// information ends at the last `@` before the next URL.
pub(crate) fn mask(text: &str) -> String {
    // A password behind `?password=` may hold an `@` too, so that these come first.
    urls(&mask_assignments(text)).into_iter().map(mask_userinfo).collect()
}

/// The text, cut before each word that begins with a known scheme.
fn urls(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = vec![0];
    for (at, _) in text.match_indices("://") {
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
        let begin = text[..at].trim_end_matches(letter).len();
        let separate = text[..begin].ends_with(|c: char| c.is_whitespace() || "\"'=,`".contains(c));
        // `postgresql+asyncpg` is postgresql.
        let scheme = text[begin..at].to_ascii_lowercase();
        if separate && SCHEMES.contains(&scheme.split('+').next().unwrap_or_default()) {
            starts.push(begin);
        }
    }
    let ends = starts[1..].iter().copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

fn mask_userinfo(url: &str) -> String {
    let Some((before, place)) = url.rsplit_once('@') else { return mask_port(url) };
    match password(before) {
        // The example of a hint.
        Some(_) if before.ends_with("://user:password") => url.to_owned(),
        Some(at) => format!("{}***@{place}", &before[..at]),
        None => url.to_owned(),
    }
}

/// Without an `@`, what stands for a port and is none may be a password. `tcp://host:port` is a hint's.
fn mask_port(url: &str) -> String {
    let place = url.find("://").map_or(url.len(), |at| at + 3);
    let ends = |c: char| "/?#[,;)`'\"".contains(c) || c.is_whitespace();
    let host = url[place..].split(ends).next().unwrap_or_default();
    let is_port = |text: &str| {
        text == "port" || text.starts_with('$') || text.chars().all(|c| c.is_ascii_digit())
    };
    match host.split_once(':') {
        Some((name, port)) if !is_port(port) => format!("{}***", &url[..=place + name.len()]),
        _ => url.to_owned(),
    }
}

/// Where a password may begin in what stands before an `@`: behind the colon of a user.
fn password(before: &str) -> Option<usize> {
    let (scheme, rest) = before.split_once("://").unwrap_or((before, ""));
    let start = before.len() - rest.len();
    // `user:a://b` has no scheme in front: what looks like one holds the password's beginning.
    let without_scheme = colon(scheme).map(|at| at + 1);
    without_scheme.or_else(|| rest.find(':').map(|at| start + at + 1))
}

/// The first colon that ends neither a clause nor `jdbc:`.
fn colon(text: &str) -> Option<usize> {
    text.match_indices(':').map(|(at, _)| at).find(|at| {
        let (before, after) = (&text[..*at], &text[at + 1..]);
        !after.starts_with(char::is_whitespace) && !before.ends_with("jdbc")
    })
}

/// Masks the value behind each `password=`, `TOKEN=` and `--password `.
fn mask_assignments(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = secret(rest) {
        let (before, value) = rest.split_at(start);
        let end = end(before, value);
        masked.push_str(before);
        masked.push_str(if end == 0 { "" } else { "***" });
        rest = &value[end..];
    }
    masked + rest
}

/// Where the first secret value begins.
fn secret(text: &str) -> Option<usize> {
    let signs = text.char_indices().filter(|(_, c)| matches!(c, '=' | ' '));
    for (at, sign) in signs {
        let name = text[..at].trim_end_matches(' ');
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let start = name.trim_end_matches(letter).len();
        let name = name[start..].to_ascii_lowercase();
        let named = NAMES.iter().any(|end| name.ends_with(end));
        if named && (sign == '=' || name.starts_with("--")) {
            let value = &text[at + 1..];
            return Some(text.len() - value.trim_start_matches(' ').len());
        }
    }
    None
}

/// Names that end a value before them; behind any other `&x=` it may go on.
const FIELDS: [&str; 10] = [
    "host", "server", "port", "user", "username", "userid", "database", "dbname", "sslmode",
    "schema",
];

/// How long the value is. Among other fields of a connection it may hold blanks, and goes on to the
/// next known `name=` or to the quote that closes all of them.
fn end(before: &str, value: &str) -> usize {
    if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        return value.rfind(quote).filter(|at| *at > 0).map_or(value.len(), |at| at + 1);
    }
    let lower = before.to_ascii_lowercase();
    let among =
        ["?", "&", ";", "host=", "user=", "dbname="].iter().any(|sign| lower.contains(sign));
    let ends = |(at, c): &(usize, char)| match c {
        // Between the parameters of a URL there is no `;`.
        ';' if before.contains('?') => false,
        '&' | ';' => another(&value[at + 1..]),
        c => c.is_whitespace() && (!among || another(&value[at + c.len_utf8()..])),
    };
    let open = ['"', '\''].into_iter().find(|quote| before.matches(*quote).count() % 2 == 1);
    let closed = open.filter(|_| among).and_then(|quote| value.rfind(quote));
    let found = value.char_indices().find(ends).map_or(value.len(), |(at, _)| at);
    closed.map_or(found, |closed| found.min(closed))
}

/// Whether the text begins with the name of another field, or ends here.
fn another(text: &str) -> bool {
    let known = |(name, _): (&str, &str)| {
        let name = name.trim().to_ascii_lowercase().replace(' ', "");
        FIELDS.contains(&name.as_str())
    };
    text.is_empty() || text.split_once('=').is_some_and(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_passwords_and_nothing_else() {
        for (text, shown) in [
            ("alembic upgrade head", "alembic upgrade head"),
            ("postgres://app:s3cret@db:5432/app", "postgres://app:***@db:5432/app"),
            ("psql postgres://u:p@ss@db/app -c 'x'", "psql postgres://u:***@db/app -c 'x'"),
            ("redis://:pw@cache", "redis://:***@cache"),
            ("http://nominatim:8080/status", "http://nominatim:8080/status"),
            ("postgres://u@db/app", "postgres://u@db/app"),
            ("host=db password=pw user=x", "host=db password=*** user=x"),
            ("http://x/?password=pw&user=b", "http://x/?password=***&user=b"),
            (
                "x 'jdbc:postgresql://h/?password=p&a=b c' up",
                "x 'jdbc:postgresql://h/?password=***' up",
            ),
            ("[\"sh\",\"postgres://u:p@h\"]", "[\"sh\",\"postgres://u:***@h\"]"),
            ("env PGPASSWORD=pw psql", "env PGPASSWORD=*** psql"),
            ("postgres://u:p w@h/d redis://:q@c", "postgres://u:***@h/d redis://:***@c"),
            ("x 'postgres://u:p\"w'x@h/d'", "x 'postgres://u:***@h/d'"),
            (
                "postgresql+asyncpg://u:a://b c@h,tcp://d:1",
                "postgresql+asyncpg://u:***@h,tcp://d:1",
            ),
            ("host=db password='p w' user=x", "host=db password=*** user=x"),
            ("host=db password = pw user=x", "host=db password = *** user=x"),
            ("Host=h;Password=p w&x;Database=d", "Host=h;Password=***;Database=d"),
            ("http://h/?token=t&a=b", "http://h/?token=***"),
            ("postgres://h/d?password=p;host=w&user=u", "postgres://h/d?password=***&user=u"),
            ("postgres://h/d?user=u&pass=p", "postgres://h/d?user=u&pass=***"),
            ("x --api-key=k --password pw up", "x --api-key=*** --password *** up"),
            ("SECRET_KEY=k serve", "SECRET_KEY=*** serve"),
            ("write the password here", "write the password here"),
            ("u:s3cret@h/d", "u:***@h/d"),
            (":s3cret@h/d", ":***@h/d"),
            ("postgres:/u:s3cret@h/d", "postgres:***@h/d"),
            ("tool postgres:u:s3 cr@et@h/d up", "tool postgres:***@h/d up"),
            ("u:a://b@h", "u:***@h"),
            ("postgres://u:aü://b@h", "postgres://u:***@h"),
            ("süPASSWORD=pw", "süPASSWORD=***"),
            ("tool postgres://u:s3cret up", "tool postgres://u:***"),
            ("tool postgres://u:3cret up", "tool postgres://u:***"),
            ("[\"x\",\"http://h:80\"]", "[\"x\",\"http://h:80\"]"),
            ("http://api:${PORT:-80}/x", "http://api:${PORT:-80}/x"),
            ("write tcp://host:port, or x", "write tcp://host:port, or x"),
            ("http://[::1]:80/x:y", "http://[::1]:80/x:y"),
            ("jdbc:postgresql://u:pw@h/d", "jdbc:postgresql://u:***@h/d"),
            ("DATABASE_URL: me@example.org", "DATABASE_URL: me@example.org"),
            ("git clone git@github.com:a/b", "git clone git@github.com:a/b"),
            ("a key = 5", "a key = 5"),
        ] {
            assert_eq!(mask(text), shown, "{text:?}");
        }
    }
}
