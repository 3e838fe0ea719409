//! Texts to values: each setting read by its kind, every mistake noted with its origin.

use std::{path::PathBuf, time::Duration};

use super::{
    Targets,
    command::Template,
    duration,
    file::Raw,
    problem::{Problem, Problems},
    sources::{Sources, Value},
    target,
    types::{OnFailure, boolean, list, nearest, quoted_list},
    words,
};
use crate::cli::settings::{self, Kind, Setting};

/// Reads settings by name. What cannot be read counts as unset and is noted in `problems`.
pub(crate) struct Reader<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) problems: &'a mut Problems,
}

impl Reader<'_> {
    /// What a source gives, before the default.
    fn given(&self, name: &str) -> Option<&Value> {
        self.sources.values.get(name)
    }

    /// The text that counts: a given one, or the default.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.given(name).map(|value| &value.raw) {
            Some(Raw::Text(text)) => Some(text.clone()),
            Some(Raw::List(items)) => Some(items.join(" ")),
            None => settings::find(name)?.default.map(str::to_owned),
        }
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// `None` is forever.
    pub(crate) fn limit(&mut self, name: &str) -> Option<Duration> {
        let text = self.text(name)?;
        match duration::parse(&text) {
            Ok(limit) => limit,
            Err(why) => {
                self.wrong(name, Problem::config(why));
                None
            }
        }
    }

    /// A duration that must end; `off` is zero.
    pub(crate) fn span(&mut self, name: &str) -> Duration {
        let forever = self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("forever"));
        if forever {
            self.wrong(
                name,
                Problem::config("`forever` is not possible here")
                    .hint("write a duration such as 10s"),
            );
        }
        self.limit(name).unwrap_or_default()
    }

    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        match &self.given(name)?.raw {
            Raw::Text(text) => Some(list(text)),
            Raw::List(items) => Some(items.clone()),
        }
    }

    /// Items of which some have blanks, in quotes; with `keep` those of SQL, which stay there.
    /// A text that starts with `[` is a JSON array, as with commands.
    pub(crate) fn quoted_list(&mut self, name: &str, keep: bool) -> Vec<String> {
        let unclosed = || Problem::config("a quote is not closed");
        let items = match self.given(name).map(|value| &value.raw) {
            Some(Raw::Text(text)) if text.trim_start().starts_with('[') => words::json(text),
            Some(Raw::Text(text)) => quoted_list(text, keep).ok_or_else(unclosed),
            Some(Raw::List(items)) => Ok(items.clone()),
            None => Ok(Vec::new()),
        };
        items.unwrap_or_else(|problem| {
            self.wrong(name, problem);
            Vec::new()
        })
    }

    /// Targets to wait for; `None` if no source gives any.
    pub(crate) fn targets(&self, name: &str) -> Option<Targets> {
        let words = match &self.given(name)?.raw {
            Raw::Text(text) => target::targets(text),
            Raw::List(items) => items.clone(),
        };
        Some(Targets { words, subject: self.subject(name) })
    }

    /// `None` if no source gives one.
    pub(crate) fn command(&mut self, name: &str) -> Option<Template> {
        let read = template(&self.given(name)?.raw, &self.subject(name));
        Some(read.unwrap_or_else(|problem| {
            self.problems.push(problem);
            Template::unreadable()
        }))
    }

    /// The word in lower case, or `true` or `false` for what a boolean can look like.
    pub(crate) fn word(&mut self, name: &str) -> String {
        let Some(setting) = settings::find(name) else { return String::new() };
        let text = self.text(name).unwrap_or_default();
        match word(setting, &text) {
            Ok(word) => word,
            Err(problem) => {
                self.wrong(name, problem);
                setting.default.unwrap_or_default().to_owned()
            }
        }
    }

    pub(crate) fn is_true(&mut self, name: &str) -> bool {
        self.word(name) == "true"
    }

    /// Reads with a parser of its own; what cannot be read is the type's default, and told with `hint`.
    /// The items of a list reach the parser with commas between them.
    pub(crate) fn parsed<T: Default>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        hint: &str,
    ) -> T {
        let list = settings::find(name).is_some_and(|setting| setting.kind == Kind::List);
        let text =
            if list { self.list(name).map(|items| items.join(",")) } else { self.text(name) };
        let Some(text) = text else { return T::default() };
        parse(&text).unwrap_or_else(|why| {
            self.wrong(name, Problem::config(why).hint(hint));
            T::default()
        })
    }

    pub(crate) fn on_failure(&mut self, name: &str) -> OnFailure {
        if self.word(name) == "continue" { OnFailure::Continue } else { OnFailure::Abort }
    }

    /// Notes a mistake in that setting, with its place in front.
    pub(crate) fn wrong(&mut self, name: &str, problem: Problem) {
        let problem = problem.at(&self.subject(name));
        self.problems.push(problem);
    }

    /// The setting as the user wrote it, with its place if that is a file.
    pub(crate) fn subject(&self, name: &str) -> String {
        settings::find(name)
            .zip(self.given(name))
            .map_or_else(|| name.to_owned(), |(setting, value)| value.origin.subject(setting))
    }
}

/// A command from whichever form it was written in; `subject` is where.
pub(crate) fn template(raw: &Raw, subject: &str) -> Result<Template, Problem> {
    let read = match raw {
        Raw::Text(text) => Template::parse(text),
        Raw::List(words) => Template::from_words(words),
    };
    read.map(|template| template.of(subject)).map_err(|problem| problem.at(subject))
}

fn word(setting: &Setting, text: &str) -> Result<String, Problem> {
    let (words, switch): (&[&str], bool) = match setting.kind {
        Kind::Switch(words) => (words, true),
        Kind::Choice(words) => (words, false),
        _ => return Ok(text.to_owned()),
    };
    if let Some(value) = boolean(text).filter(|_| switch) {
        return Ok(value.to_string());
    }
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if words.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let all: Vec<&str> = if switch {
        ["true", "false"].iter().chain(words).copied().collect()
    } else {
        words.to_vec()
    };
    let problem = Problem::config(format!("`{text}` is not {}", alternatives(&all)));
    Err(match nearest(text, all) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    })
}

/// `a, b or c`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
