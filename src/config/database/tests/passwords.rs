//! Awkward passwords are read, and no message shows a piece of one.

use super::*;

const PASSWORD: &str = "s3cret-c4nary";

#[test]
fn passwords_that_any_framework_accepts_unescaped() {
    for password in [
        "p@ss",
        "p:ss",
        "p/ss",
        "p#ss",
        "p?ss",
        "p%zz",
        "p%",
        "p[s]s",
        "p s",
        "p+ss",
        "p&s=s",
        "pässwörd",
        "a@b:c/d?e#f",
        "p@ss/w@rd",
        "p//ss",
        "::",
        "%",
        "a=b&c=d",
        "p;ss",
        "p'ss",
        "p\"s",
        "p\\ss",
        "p$1",
        "${x}y",
        "日本",
    ] {
        let connection = parsed(&format!("postgres://u:{password}@db:5433/app?sslmode=prefer"));
        assert_eq!(fields(&connection), format!("u:{password}@db:5433/app"), "{password:?}");
        let connection = parsed(&format!("postgres://u:{password}@db/app"));
        assert_eq!(fields(&connection), format!("u:{password}@db:5432/app"), "{password:?}");
    }
    let escaped = parsed("postgres://u:%40%2F%3A%25%23@db/app");
    assert_eq!(fields(&escaped), "u:@/:%#@db:5432/app");
    let query = parsed("postgres://db/app?user=u&password=p@ss");
    assert_eq!(fields(&query), "u:p@ss@db:5432/app");
}

#[test]
fn an_ambiguous_password_is_remarked_on() {
    for (password, code) in [
        ("p@ss", "%40"),
        ("p/ss", "%2F"),
        ("p?ss", "%3F"),
        ("p#ss", "%23"),
        ("p[ss", "%5B"),
        ("p]ss", "%5D"),
        ("p ss", "%20"),
        ("p%zz", "%25"),
    ] {
        let (connection, notes) = parse(&format!("postgres://u:{password}@db/app")).unwrap();
        assert!(notes.iter().any(|note| note.to_string().contains(code)), "{password} {notes:?}");
        assert!(connection.password_remark.is_some_and(|remark| remark.contains(code)));
    }
    for password in ["p%40ss", "p:ss", "p+ss", "p&ss", "pässwörd"] {
        assert_eq!(parse(&format!("postgres://u:{password}@db/app")).unwrap().1, [], "{password}");
    }
}

/// A small deterministic generator (Marsaglia's xorshift), so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Whatever the password and wherever it stands: no message shows a piece of it.
#[test]
fn no_message_shows_a_piece_of_a_password() {
    const AWKWARD: &[&str] = &[
        "@", ":", "/", "?", "#", "%", "%4", "%zz", "[", "]", " ", "'", "\"", "\\", "&", "=", ";",
        ",", "+", "$", "{", "}", "<", ">", "|", "é", "\t", "@db", "?x=", "&ssl=", ".", "-",
    ];
    const SHAPES: &[&str] = &[
        "postgres://user:{}@db:5432/app",
        "postgres://user:{}@db/app?sslmode=require&nonsense=1",
        "postgres://user:{}@h1:1,h2:2/app?target_session_attrs=any",
        "postgresql+psycopg2://user:{}@db/app",
        "postgres://:{}@db/app",
        "postgres://db/app?user=user&password={}",
        "postgres://user@db/app?sslmode=require&password={}",
        "postgres://user@db/app?password={}&frob=1",
        "jdbc:postgresql://db:5432/app?user=user&password={}&ssl=true",
        "host=db dbname=app user=user password={}",
        "host=db password='{}' dbname=app",
        "host=db password={} dbname=app sslmode=maybe",
        "Host=db;Username=user;Password={};Database=app",
        "Server=db;Password=\"{}\";Database=app;User Id=user",
        "\"postgres://user:{}@db/app\"",
        "postgres://user:{}@db:port/app",
        "postgres://user:{}@/app",
        "mysql://user:{}@db/app",
        "user:{}@db/app",
        "{}",
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000 {
        let mut password = String::new();
        for _ in 0..=numbers.below(4) {
            password.push_str(PASSWORD);
            password.push_str(AWKWARD[numbers.below(AWKWARD.len())]);
            password.push_str(AWKWARD[numbers.below(AWKWARD.len())]);
        }
        let text = SHAPES[round % SHAPES.len()].replace("{}", &password);
        let shown = match parse(&text) {
            // A host that is read from a password with `@` in front of a `,` or a blank is ours to
            // avoid as well: the name is printed.
            Ok((connection, notes)) => {
                let told: Vec<String> = notes.iter().map(ToString::to_string).collect();
                format!("{connection:?} {notes:?} {told:?}")
            }
            Err(problem) => format!("{problem:?} {problem}"),
        };
        assert!(!shown.contains("c4nary"), "{text}\n{shown}");
    }
}
