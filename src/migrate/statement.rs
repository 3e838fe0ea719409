//! Telling statements apart by their first words: transactions and what refuses them. Pure.

use super::split::{Statement, copies};

/// A kind of transaction that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// Repeatable read or serializable.
    Level,
    ReadOnly,
}

impl Statement {
    fn starts_with(&self, words: &[&str]) -> bool {
        self.words.len() >= words.len()
            && self.words.iter().zip(words).all(|(has, want)| has == want)
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|has| has == word)
    }

    /// The first words, for messages.
    pub(crate) fn opening(&self) -> String {
        self.words.iter().take(3).cloned().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn opens_transaction(&self) -> bool {
        self.starts_with(&["BEGIN"]) || self.starts_with(&["START", "TRANSACTION"])
    }

    /// `BEGIN` or its like that asks for nothing but what our own transaction is.
    pub(crate) fn opens_ours(&self) -> bool {
        const OURS: [&str; 10] = [
            "TRANSACTION",
            "WORK",
            "ISOLATION",
            "LEVEL",
            "READ",
            "COMMITTED",
            "UNCOMMITTED",
            "WRITE",
            "NOT",
            "DEFERRABLE",
        ];
        self.opens_transaction() && self.words[1..].iter().all(|word| OURS.contains(&word.as_str()))
    }

    /// What of a transaction's kind it asks for that ours is not: the level under which fence and
    /// history are looked at is read committed, and the record is a write.
    pub(super) fn wants_other(&self) -> Option<Other> {
        let sets = [
            &["SET", "TRANSACTION"][..],
            &["SET", "LOCAL", "TRANSACTION"],
            &["SET", "SESSION", "TRANSACTION"],
        ];
        if !self.opens_transaction() && !sets.iter().any(|words| self.starts_with(words)) {
            return None;
        }
        let level = ["REPEATABLE", "SERIALIZABLE", "SNAPSHOT"].iter().any(|word| self.has(word));
        match (self.has("ONLY"), level) {
            (true, _) => Some(Other::ReadOnly),
            (false, true) => Some(Other::Level),
            (false, false) => None,
        }
    }

    pub(crate) fn closes_transaction(&self) -> bool {
        matches!(
            self.words.iter().map(String::as_str).collect::<Vec<_>>()[..],
            ["COMMIT" | "END"] | ["COMMIT" | "END", "TRANSACTION" | "WORK"]
        )
    }

    /// `ROLLBACK`, but not to a savepoint and not of a prepared transaction.
    pub(super) fn rolls_back(&self) -> bool {
        let ends = self.starts_with(&["ROLLBACK"]) || self.starts_with(&["ABORT"]);
        ends && !self.has("TO") && !self.has("PREPARED")
    }

    /// `COPY … TO STDOUT`: the server sends rows to whoever asked.
    pub(super) fn copies_out(&self) -> bool {
        copies(&self.words, "TO")
    }

    /// The first half of a two-phase commit.
    pub(super) fn prepares_transaction(&self) -> bool {
        self.starts_with(&["PREPARE", "TRANSACTION"])
    }

    /// Begins or ends a transaction (savepoints do not).
    pub(crate) fn is_transaction_control(&self) -> bool {
        let first = self.words.first().map_or("", String::as_str);
        match first {
            "BEGIN" | "COMMIT" | "END" | "ABORT" => true,
            "START" | "PREPARE" => self.words.get(1).is_some_and(|word| word == "TRANSACTION"),
            "ROLLBACK" => !self.has("TO"),
            _ => false,
        }
    }

    /// Ends a transaction, our own if it is the first to do so.
    pub(super) fn ends_transaction(&self) -> bool {
        self.is_transaction_control() && !self.opens_transaction()
    }

    /// Statements that the server refuses inside a transaction block (`PreventInTransactionBlock`;
    /// each one's own page of the manual says so).
    pub(crate) fn refuses_transaction(&self) -> bool {
        let concurrently = self.has("CONCURRENTLY");
        let second = self.words.get(1).map_or("", String::as_str);
        match self.words.first().map_or("", String::as_str) {
            "VACUUM" => true,
            "CREATE" => match second {
                "INDEX" | "UNIQUE" => concurrently,
                second => matches!(second, "DATABASE" | "TABLESPACE" | "SUBSCRIPTION"),
            },
            "DROP" => match second {
                "INDEX" => concurrently,
                second => matches!(second, "DATABASE" | "TABLESPACE"),
            },
            "REINDEX" => concurrently || matches!(second, "SCHEMA" | "DATABASE" | "SYSTEM"),
            "ALTER" => match second {
                "SYSTEM" => true,
                "DATABASE" => self.has("TABLESPACE"),
                "TABLE" => self.has("DETACH") && concurrently,
                _ => false,
            },
            "DISCARD" => second == "ALL",
            "CLUSTER" => self.words.len() == 1,
            _ => false,
        }
    }
}
