//! Files that a command names as its arguments and cannot do without. Pure: argv in, paths out.

use std::{ffi::OsString, path::Path};

/// A file without which the command fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needed {
    /// One of them is enough; relative to the working directory.
    pub(super) any: Vec<String>,
    /// What it is to the command: `the script`.
    pub(super) what: &'static str,
    /// It stands in the command itself, so that it may be shown only if it was written there.
    pub(super) argument: bool,
}

/// Interpreters and the endings of the files they run.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["py", "pyz"]),
    ("node", &["js", "mjs", "cjs", "ts"]),
    ("bun", &["js", "mjs", "ts"]),
    ("tsx", &["ts", "js", "mjs"]),
    ("ts-node", &["ts"]),
    ("sh", &["sh"]),
    ("bash", &["sh", "bash"]),
    ("dash", &["sh"]),
    ("ash", &["sh"]),
    ("ruby", &["rb"]),
    ("perl", &["pl"]),
    ("php", &["php"]),
];

/// Everything a command line clearly needs. What is not clearly a file is left out.
///
/// `elsewhere`: tools whose files the image names in a place of its own, so that the usual ones do
/// not count.
pub(super) fn needed(argv: &[OsString], elsewhere: &[&str]) -> Vec<Needed> {
    let words: Vec<&str> = argv.iter().filter_map(|word| word.to_str()).collect();
    if words.len() != argv.len() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let rest = &words[at + 1..];
        found.extend(script(name(word), rest));
        found.extend(jar(name(word), rest));
    }
    found.extend(package(&words));
    found.extend(prisma(&words).filter(|needed| needed.argument || !elsewhere.contains(&"prisma")));
    found.extend(alembic(&words).filter(|_| !elsewhere.contains(&"alembic")));
    found
}

/// `python3.11` of `/usr/bin/python3.11`.
fn name(word: &str) -> &str {
    Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The first word after an interpreter, if it is no option and ends as its scripts do.
fn script(program: &str, rest: &[&str]) -> Option<Needed> {
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (_, endings) = INTERPRETERS.iter().find(|(name, _)| *name == bare)?;
    // Options that take no value; behind any other the next word may be anything.
    let plain = |word: &&&str| matches!(**word, "-u" | "-B" | "-O" | "-e" | "-x" | "-eu" | "-ex");
    let shell = matches!(bare, "sh" | "bash" | "dash" | "ash");
    let skipped = rest.iter().take_while(|word| plain(word) && (shell || **word != "-e")).count();
    let script = rest.get(skipped)?;
    let ending = Path::new(script).extension()?.to_str()?;
    let fits = !script.starts_with('-') && endings.contains(&ending);
    fits.then(|| file((*script).to_owned(), "the script"))
}

/// `java -jar app.jar`.
fn jar(program: &str, rest: &[&str]) -> Option<Needed> {
    let at = rest.iter().position(|word| *word == "-jar").filter(|_| program == "java")?;
    rest.get(at + 1).map(|path| file((*path).to_owned(), "the archive"))
}

/// `npm run build` reads the package.json of the working directory.
fn package(words: &[&str]) -> Option<Needed> {
    let [program, verb, ..] = words else { return None };
    let manager = matches!(name(program), "npm" | "yarn" | "pnpm");
    let elsewhere = ["--prefix", "-C", "--cwd", "--filter", "-w", "--workspace"];
    let moved = words.iter().any(|word| elsewhere.iter().any(|option| word.starts_with(option)));
    let runs = manager && matches!(*verb, "run" | "start" | "test") && !moved;
    runs.then(|| implied(&["package.json"], "its manifest"))
}

/// `prisma migrate deploy` reads the schema and the migrations beside it (Prisma's reference of its
/// command line; since 6.6 a `prisma.config.ts` may name another place).
fn prisma(words: &[&str]) -> Option<Needed> {
    const PLACES: [&str; 7] = [
        "prisma/schema.prisma",
        "schema.prisma",
        "prisma/schema",
        "prisma.config.ts",
        "prisma.config.mjs",
        "prisma.config.js",
        ".config/prisma.ts",
    ];
    let at = words.iter().position(|word| name(word) == "prisma")?;
    let rest = &words[at + 1..];
    let wanted = matches!(rest.first(), Some(&("migrate" | "db" | "generate" | "validate")));
    let option = |long: &str| {
        let next = rest.windows(2).find(|pair| pair[0] == long).map(|pair| pair[1]);
        next.or_else(|| rest.iter().find_map(|word| word.strip_prefix(long)?.strip_prefix('=')))
    };
    match option("--schema").or_else(|| option("--config")) {
        Some(path) => wanted.then(|| file(path.to_owned(), "the schema")),
        None => wanted.then(|| implied(&PLACES, "its schema")),
    }
}

/// Alembic reads alembic.ini of the working directory, from 1.16 on pyproject.toml too.
fn alembic(words: &[&str]) -> Option<Needed> {
    let module = words.windows(2).any(|pair| pair == ["-m", "alembic"]);
    let program = words.first().is_some_and(|word| name(word) == "alembic");
    let named = words.iter().any(|word| {
        *word == "-c"
            || word.starts_with("--config")
            || Path::new(word).extension().is_some_and(|end| end == "ini")
    });
    ((module || program) && !named)
        .then(|| implied(&["alembic.ini", "pyproject.toml"], "its configuration"))
}

fn file(path: String, what: &'static str) -> Needed {
    Needed { any: vec![path], what, argument: true }
}

fn implied(any: &[&str], what: &'static str) -> Needed {
    Needed { any: any.iter().map(|path| (*path).to_owned()).collect(), what, argument: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_clearly_a_file_is_needed() {
        for (line, files) in [
            ("python app/etl.py", vec!["app/etl.py"]),
            ("/usr/bin/python3.11 -u etl.py --x", vec!["etl.py"]),
            ("python -m pkg.mod", vec![]),
            ("python -c import.py", vec![]),
            ("python -W ignore x.py", vec![]),
            ("poetry run python x.py", vec!["x.py"]),
            ("node dist/main.js", vec!["dist/main.js"]),
            ("node -r dotenv/config dist/main.js", vec![]),
            ("node -e x.js", vec![]),
            ("node dist/main", vec![]),
            ("sh ./x.sh", vec!["./x.sh"]),
            ("sh -e ./x.sh a.sh", vec!["./x.sh"]),
            ("sh -c ./x.sh", vec![]),
            ("java -Xmx1g -jar app.jar", vec!["app.jar"]),
            ("npm run db:seed", vec!["package.json"]),
            ("npm run x --prefix web", vec![]),
            ("npx prisma migrate deploy", vec!["prisma/schema.prisma"]),
            ("npx prisma --version", vec![]),
            ("node_modules/.bin/prisma migrate deploy --schema db/x.prisma", vec!["db/x.prisma"]),
            ("prisma db push --schema=db/x.prisma", vec!["db/x.prisma"]),
            ("sh -c prisma", vec![]),
            ("alembic upgrade head", vec!["alembic.ini"]),
            ("python -m alembic upgrade head", vec!["alembic.ini"]),
            ("alembic -c etc/alembic.ini upgrade head", vec![]),
            ("uvicorn src.app:app --reload-include x.py", vec![]),
        ] {
            let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let found: Vec<String> =
                needed(&argv, &[]).into_iter().map(|needed| needed.any[0].clone()).collect();
            assert_eq!(found, files, "{line:?}");
        }
        assert!(needed(&["alembic".into()], &["alembic"]).is_empty());
        let deploy = ["prisma".into(), "migrate".into(), "deploy".into()];
        assert!(needed(&deploy, &["prisma"]).is_empty());
    }
}
