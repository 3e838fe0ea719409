//! A command line: what was written, and the words it becomes. No shell is involved.
//!
//! `words` reads what the user wrote into a `Template`, `expand` puts in the values.

use std::ffi::{OsStr, OsString};

use super::{environment::Environment, expand::Word, problem::Problem, words};
use crate::cli::mask::mask;

/// A command ready to run.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// As the user wrote it, before expansion: the only form that may be printed, because an
    /// expanded `${DATABASE_URL}` would show a password.
    pub(crate) source: String,
    /// Program and arguments; never empty.
    pub(crate) argv: Vec<OsString>,
}

impl std::fmt::Debug for CommandLine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(out)
    }
}

/// A command as it was configured: its syntax is right, its variables are not put in yet.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// Masked.
    source: String,
    /// The setting as the user wrote it, with its place if that is a file.
    subject: String,
    words: Vec<Word>,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(out)
    }
}

impl Template {
    /// Reads POSIX-quoted words, or a JSON array if `text` starts with `[`.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let words = if text.trim_start().starts_with('[') {
            return Self::from_words(&words::json(text)?);
        } else {
            words::posix(text)?
        };
        Self::new(text.trim(), words)
    }

    /// Stands for a command that cannot be read, so that it does not count as missing too.
    ///
    /// It never runs: its mistake is among the problems, and they end the start.
    pub(crate) fn unreadable() -> Self {
        let word = Word::Pieces { pieces: Vec::new(), kept_if_empty: true };
        Self { source: String::new(), subject: String::new(), words: vec![word] }
    }

    /// Takes words that are separate already: an array in `init.toml`.
    pub(crate) fn from_words(list: &[String]) -> Result<Self, Problem> {
        let words = list.iter().map(|text| words::literal(text)).collect::<Result<_, _>>()?;
        Self::new(&join(list.iter().map(OsStr::new)), words)
    }

    fn new(source: &str, words: Vec<Word>) -> Result<Self, Problem> {
        if words.is_empty() {
            return Err(Problem::config("the command is empty"));
        }
        Ok(Self { source: mask(source), subject: String::new(), words })
    }

    /// Says where it was written, for who finds a mistake in it later.
    pub(crate) fn of(self, subject: &str) -> Self {
        Self { subject: subject.to_owned(), ..self }
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Puts in the values of `environment`; `nproc` is what `auto` stands for.
    pub(crate) fn expand(
        &self,
        environment: &Environment,
        nproc: usize,
    ) -> Result<CommandLine, Problem> {
        let mut argv = Vec::with_capacity(self.words.len());
        for word in &self.words {
            argv.extend(word.expand(environment, nproc)?);
        }
        if argv.is_empty() {
            return Err(Problem::config(format!("`{}` expands to nothing", self.source)));
        }
        Ok(CommandLine { source: self.source.clone(), argv })
    }
}

impl CommandLine {
    /// Takes the words of the command line as they are.
    pub(crate) fn verbatim(argv: Vec<OsString>) -> Self {
        Self { source: mask(&join(argv.iter().map(OsString::as_os_str))), argv }
    }

    /// The same command with more words at its end.
    pub(crate) fn and(mut self, more: Vec<OsString>) -> Self {
        let added = Self::verbatim(more);
        self.source = format!("{} {}", self.source, added.source);
        self.argv.extend(added.argv);
        self
    }
}

/// Puts the values into a text that is no command, such as a target to wait for.
pub(crate) fn expand_text(
    text: &str,
    environment: &Environment,
    nproc: usize,
) -> Result<String, Problem> {
    let words = words::literal(text)?.expand(environment, nproc)?;
    words
        .unwrap_or_default()
        .into_string()
        .map_err(|_| Problem::config(format!("`{text}` expands to other than UTF-8")))
}

/// Words as one would type them in a shell.
fn join<'a>(words: impl Iterator<Item = &'a OsStr>) -> String {
    words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:=@%+,{}$?~*[]#^!".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        let pairs = [
            ("HOST", "db"),
            ("EMPTY", ""),
            ("ON", "yes"),
            ("OFF", "0"),
            ("ODD", "maybe"),
            ("N", "auto"),
            ("TWO", "a b"),
        ];
        Environment::new(pairs.map(|(name, value)| (name.into(), value.into())))
    }

    fn argv(text: &str) -> Result<Vec<String>, String> {
        let line = Template::parse(text).and_then(|read| read.expand(&environment(), 6));
        let words = |line: CommandLine| {
            line.argv.into_iter().map(|word| word.into_string().unwrap()).collect()
        };
        line.map(words).map_err(|problem| problem.to_string())
    }

    #[test]
    fn reads_words_as_a_shell_does() {
        for (text, words) in [
            ("alembic upgrade head", vec!["alembic", "upgrade", "head"]),
            (r"a 'b c' d\ e", vec!["a", "b c", "d e"]),
            (r#"a "b \"c\" \x" ''"#, vec!["a", r#"b "c" \x"#, ""]),
            ("a 'x && y | z; $(w)' ", vec!["a", "x && y | z; $(w)"]),
            (r"a \; \$X", vec!["a", ";", "$X"]),
            ("a b=c 'd'\"e\"f", vec!["a", "b=c", "def"]),
            (r#"["sh", "-c", "echo $X && y"]"#, vec!["sh", "-c", "echo $X && y"]),
            (r#"["sh", "-c", "${HOST-x} ${#HOST}"]"#, vec!["sh", "-c", "${HOST-x} ${#HOST}"]),
        ] {
            assert_eq!(
                argv(text).as_deref(),
                Ok(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn expands_inside_one_word() {
        for (text, words) in [
            ("a x${HOST}y", vec!["a", "xdby"]),
            ("a ${TWO}", vec!["a", "a b"]),
            ("a ${NONE} \"${NONE}\" ${EMPTY}", vec!["a", ""]),
            ("a ${NONE:-x} ${EMPTY:-y} ${HOST:-z}", vec!["a", "x", "y", "db"]),
            ("a ${HOST:+x} ${NONE:+y}", vec!["a", "x"]),
            ("a ${NONE:-${HOST}:${NONE:-1}}", vec!["a", "db:1"]),
            ("a ${NONE:-'x y'}", vec!["a", "x y"]),
            ("a '${HOST}'", vec!["a", "${HOST}"]),
            ("a ${?ON:--fast} ${?OFF:--slow} ${?NONE:--none}", vec!["a", "--fast"]),
            ("a ${NONE:-auto} ${N:-auto} ${NONE:-nproc}", vec!["a", "6", "6", "6"]),
            (r#"["a", "${NONE}", "${?OFF:x}", "${?ON:--n=${HOST}}"]"#, vec!["a", "", "--n=db"]),
            (r#"["${HOST:?set it}"]"#, vec!["db"]),
        ] {
            assert_eq!(
                argv(text).as_deref(),
                Ok(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn says_what_it_cannot_do() {
        for (text, said) in [
            ("a && b", "`&&`"),
            ("a | b", "`|`"),
            ("a; b", "`;`"),
            ("a > b", "`>`"),
            ("a 2>&1", "`>`"),
            ("a < b", "`<`"),
            ("a $(b)", "`$(`"),
            ("a \"$(b)\"", "`$(`"),
            ("a `b`", "backtick"),
            ("a $HOST", "`$HOST`"),
            ("a ${HOST%x}", "`${HOST%x}`"),
            ("a 'b", "quote"),
            ("a ${HOST", "`}`"),
            ("X=1 a", "`X=…`"),
            ("", "empty"),
            ("[\"a\", 1]", "array of texts"),
            ("[]", "empty"),
            ("${NONE}", "nothing"),
            ("a ${NONE:?say who}", "NONE: say who"),
            ("a ${?ODD:x}", "`maybe`"),
            ("a x${?ON:y}", "whole word"),
        ] {
            let message = argv(text).unwrap_err();
            assert!(message.contains(said), "{text:?} gives {message:?}");
        }
    }

    #[test]
    fn shows_what_was_written_and_no_password() {
        let source =
            |text| Template::parse(text).unwrap().expand(&environment(), 1).unwrap().source;
        assert_eq!(source("psql ${TWO} postgres://u:pw@h/d"), "psql ${TWO} postgres://u:***@h/d");
        assert_eq!(source(r#"["sh", "-c", "a b"]"#), "sh -c 'a b'");
        let line = CommandLine::verbatim(vec!["a".into()]).and(vec!["-x y".into()]);
        assert_eq!((line.source.as_str(), line.argv.len()), ("a '-x y'", 2));
    }
}
