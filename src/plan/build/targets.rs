//! What is waited for: the usual targets, and those of the steps that will run.

use super::{
    Builder,
    word::{Word, are_plain},
};
use crate::{
    config::{
        self, Targets, command,
        database::{Connection, Note},
        target::Target,
    },
    plan::{Action, Wait, Work},
};

impl Builder<'_> {
    /// Waits for the usual targets and for those of the steps that will run. `work` is what a database
    /// is for.
    pub(super) fn wait(&mut self, work: &[&Work]) -> Action {
        if let Some(skip) = self.skipped("wait") {
            return skip;
        }
        let words = self.words();
        let (targets, notes) = self.wait_targets(&words, !work.is_empty());
        if words.is_empty() && targets.is_empty() && !self.config.database_named {
            let reason = "no DATABASE_URL, no APP_INIT_WAIT_FOR";
            self.absent(
                "wait",
                reason,
                "name a target: init wait tcp://db:5432, or set DATABASE_URL",
            );
            return Action::Skip(reason.to_owned());
        }
        let settings = &self.config.wait;
        Action::Do(Work::Wait(Wait {
            targets,
            notes,
            timeout: settings.timeout,
            fatal_grace: settings.fatal_grace,
            heartbeat: self.config.heartbeat,
            written: work.iter().filter_map(|work| written(work)).collect(),
        }))
    }

    /// The targets of the command line, if there are any.
    fn asked(&self) -> Option<Targets> {
        let words = self.config.request.targets.clone().filter(|targets| !targets.is_empty())?;
        Some(Targets { words, subject: "init wait".to_owned() })
    }

    /// All that is waited for, as it was written, each once.
    fn words(&mut self) -> Vec<Word> {
        let named = self.asked().or_else(|| self.config.wait.targets.clone());
        let usual = || Targets {
            words: self.config.database.iter().map(|_| "database".to_owned()).collect(),
            subject: "APP_INIT_WAIT_FOR".to_owned(),
        };
        let mut words = Word::list(&named.unwrap_or_else(usual));
        words.append(&mut self.targets);
        let mut seen = Vec::new();
        words.retain(|word| {
            !seen.contains(&word.text) && {
                seen.push(word.text.clone());
                true
            }
        });
        words
    }

    fn wait_targets(&mut self, words: &[Word], used: bool) -> (Vec<Target>, Vec<Note>) {
        let shown = are_plain(words);
        let read: Vec<_> = words.iter().filter_map(|word| self.target(word, shown)).collect();
        // Pieces of an address that was cut at a blank of its password are no targets.
        let torn = read.len() < words.len() && words.iter().any(|word| word.text.contains('@'));
        let read = if torn { Vec::new() } else { read };
        let (mut targets, notes): (Vec<Target>, Vec<Vec<Note>>) = read.into_iter().unzip();
        // Where it is the only database, it is the one that is meant.
        let wanted = used || words.is_empty();
        let other = self.config.migrate_database.as_ref().filter(|_| wanted);
        targets.extend(other.map(|connection| Target::Database(Box::new(connection.clone()))));
        (targets, notes.concat())
    }

    fn target(&mut self, word: &Word, shown: bool) -> Option<(Target, Vec<Note>)> {
        let environment = &self.config.environment;
        let lookup = |name: &str| environment.text(name).map(str::to_owned);
        let database = self.config.database.as_ref();
        if database.is_none() && self.is_told_of(word) {
            return None;
        }
        let name = word.name(shown);
        let read = command::expand_text(&word.text, environment, self.config.nproc)
            .map_err(|problem| problem.at(&name))
            .and_then(|text| {
                let read = |source: &str| config::target(&text, source, database, &lookup);
                // Only a mistake needs more than the setting: where a field came from is told, too.
                read(&word.source).or_else(|_| read(&name))
            });
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// Whether the word means a database that is named and cannot be read: one mistake, not two.
    fn is_told_of(&self, word: &Word) -> bool {
        let named = self.config.database_named && self.config.migrate_database.is_none();
        named && word.text.trim().eq_ignore_ascii_case("database")
    }
}

/// The name of the database that it writes to, if it does.
fn written(work: &Work) -> Option<String> {
    let connection = match work {
        Work::Migrate(migrate) if !migrate.check_only => migrate.connection.as_ref(),
        Work::Seed(seed) => seed.connection.as_ref(),
        _ => None,
    };
    connection.map(Connection::name)
}
