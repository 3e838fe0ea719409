//! Values that are more than text: switches, policies, and lists.

use std::time::Duration;

use crate::{
    cli,
    process::signal::{SignalMap, SignalTarget},
};

/// `AUTORUN_MIGRATIONS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Autorun {
    Yes,
    No,
    /// Apply nothing, but start the server only when the schema has all of this image's migrations.
    Wait,
}

/// `SEED_ON_START`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeedSwitch {
    No,
    EachStart,
    Once,
}

/// What a failed step does to the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Abort,
    Continue,
}

/// How the server is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handoff {
    /// `Supervise` as PID 1, `Exec` otherwise.
    Auto,
    Supervise,
    Exec,
}

/// Which signals reach the server, and what happens between a stop signal and the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StopPolicy {
    /// Wait so long before a stop signal is forwarded; lets a load balancer drain.
    pub(crate) delay: Duration,
    /// After forwarding a stop: SIGKILL to the group; `None` leaves that to the runtime.
    pub(crate) grace: Option<Duration>,
    /// What still runs when the server has ended gets SIGTERM and so long to finish.
    pub(crate) leftover: Duration,
    pub(crate) target: SignalTarget,
    pub(crate) map: SignalMap,
    /// Exit codes of the server that become 0.
    pub(crate) success: Vec<u8>,
    pub(crate) signals: SignalState,
}

impl Default for StopPolicy {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            grace: None,
            leftover: Duration::from_secs(5),
            target: SignalTarget::Child,
            map: SignalMap::default(),
            success: Vec::new(),
            signals: SignalState::Default,
        }
    }
}

/// The signal state a server starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SignalState {
    /// Nothing ignored, nothing blocked.
    #[default]
    Default,
    /// What app-init was started with (`APP_INIT_SIGNALS_INHERIT=true`), for `nohup` users.
    Inherited,
}

/// `true 1 yes y on enable(d)` and their opposites, in any case; `None` is anything else.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "on" | "enable" | "enabled" => Some(true),
        "false" | "0" | "no" | "n" | "off" | "disable" | "disabled" => Some(false),
        _ => None,
    }
}

/// Items separated by commas or blanks.
pub(crate) fn list(text: &str) -> Vec<String> {
    let separator = |letter: char| letter == ',' || letter.is_whitespace();
    text.split(separator).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The same, where quotes keep an item together: `'…'` and `"…"`, and outside them `\\`. With `keep`
/// only `"…"` does, as in SQL, and stays in the item. `None`: a quote is not closed.
pub(crate) fn quoted_list(text: &str, keep: bool) -> Option<Vec<String>> {
    let (mut items, mut item, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let is_quote = letter == '"' || (letter == '\'' && !keep);
        let is_separator = letter == ',' || letter.is_whitespace();
        match quote {
            None if is_separator => items.extend(item.take()),
            None if is_quote => quote = Some(letter),
            Some(open) if letter == open => quote = None,
            _ => {}
        }
        let is_mark = is_quote && quote.is_none_or(|open| open == letter);
        if quote.is_some() || is_quote || !is_separator {
            let item = item.get_or_insert_default();
            match letter {
                '\\' if !keep && quote.is_none() => item.extend(letters.next()),
                _ if is_mark && !keep => {}
                _ => item.push(letter),
            }
        }
    }
    items.extend(item);
    quote.is_none().then(|| items.into_iter().filter(|item| !item.is_empty()).collect())
}

/// The name most like `text`, if one is like it at all.
pub(crate) fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let names: Vec<&str> = names.into_iter().collect();
    cli::nearest(text, &names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_booleans_in_any_case() {
        for (text, value) in [
            ("TRUE", Some(true)),
            ("1", Some(true)),
            ("y", Some(true)),
            ("Enabled", Some(true)),
            ("off", Some(false)),
            (" No ", Some(false)),
            ("disable", Some(false)),
            ("flase", None),
            ("", None),
        ] {
            assert_eq!(boolean(text), value, "{text:?}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas_or_blanks() {
        for (text, items) in
            [("a,b", vec!["a", "b"]), (" a  b,\n c,", vec!["a", "b", "c"]), ("", vec![])]
        {
            assert_eq!(list(text), items, "{text:?}");
        }
    }

    #[test]
    fn quotes_keep_an_item_together() {
        for (text, plain, kept) in [
            ("a, b", Some("a|b"), Some("a|b")),
            ("\"my dir\",b", Some("my dir|b"), Some("\"my dir\"|b")),
            ("'my dir' b", Some("my dir|b"), Some("'my|dir'|b")),
            (r"my\ dir", Some("my dir"), Some(r"my\|dir")),
            ("\"My App\".\"v,1\"", Some("My App.v,1"), Some("\"My App\".\"v,1\"")),
            ("\"it's\" 'a\"b'", Some("it's|a\"b"), None),
            ("'open", None, Some("'open")),
            ("''", Some(""), Some("''")),
        ] {
            let told = |keep| quoted_list(text, keep).map(|items| items.join("|"));
            assert_eq!(told(false).as_deref(), plain, "{text}");
            assert_eq!(told(true).as_deref(), kept, "{text}, kept");
        }
    }

    #[test]
    fn finds_the_name_that_was_meant() {
        let names = ["migrate", "api", "all", "seed", "_"];
        for (text, name) in [
            ("mirgate", Some("migrate")),
            ("ap", Some("api")),
            ("API", Some("api")),
            ("bash", None),
            ("x", None),
        ] {
            assert_eq!(nearest(text, names), name, "{text:?}");
        }
    }
}
