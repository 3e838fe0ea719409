//! What is known of a statement while its tokens are read: its words, and what is open in it. Pure.

/// Enough to tell statements apart; a list of columns stands in parentheses and does not count.
const WORDS: usize = 24;

/// What the scanner knows of the statement it is in.
#[derive(Default)]
pub(super) struct Inside {
    pub(super) start: Option<usize>,
    pub(super) words: Vec<String>,
    pub(super) parentheses: usize,
    body: Body,
}

/// The `BEGIN ATOMIC … END` of a function.
#[derive(Default, PartialEq, Eq)]
enum Body {
    #[default]
    Closed,
    /// A statement may begin here, or the body end.
    Between,
    Within,
}

impl Inside {
    /// Whether a semicolon ends the whole statement here, and not one of a body or of a rule.
    pub(super) fn semicolon(&mut self) -> bool {
        if self.parentheses == 0 && self.body == Body::Within {
            self.body = Body::Between;
        }
        self.parentheses == 0 && self.body == Body::Closed
    }

    /// `BEGIN ATOMIC` opens a function's body. Only an `END` in the place of a statement closes it:
    /// others belong to a `CASE`, or are names, as in `SELECT 1 AS end` (gram.y: `routine_body_stmt_list`).
    pub(super) fn see(&mut self, word: String) {
        let begins = word == "ATOMIC" && self.words.last().is_some_and(|last| last == "BEGIN");
        match self.body {
            Body::Closed if begins && self.makes_routine() => self.body = Body::Between,
            Body::Between if word == "END" => self.body = Body::Closed,
            Body::Between => self.body = Body::Within,
            Body::Closed | Body::Within => {}
        }
        if self.words.len() < WORDS {
            self.words.push(word);
        } else if let Some(last) = self.words.last_mut() {
            *last = word;
        }
    }

    /// `REINDEX (CONCURRENTLY)`: the one word in parentheses that decides how a statement runs.
    pub(super) fn is_option(&self, word: &str) -> bool {
        word == "CONCURRENTLY" && self.words == ["REINDEX"]
    }

    fn makes_routine(&self) -> bool {
        let mut words = self.words.iter().map(String::as_str);
        words.next() == Some("CREATE")
            && words.take(3).any(|word| matches!(word, "FUNCTION" | "PROCEDURE"))
    }
}

/// Whether it copies `FROM` or `TO` the client. The grammar takes either of the client's two names
/// for both (gram.y: `copy_file_name`).
pub(in crate::migrate) fn copies(words: &[String], direction: &str) -> bool {
    words.first().is_some_and(|word| word == "COPY")
        && words
            .windows(2)
            .any(|pair| pair[0] == direction && matches!(pair[1].as_str(), "STDIN" | "STDOUT"))
}
