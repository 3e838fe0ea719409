//! Sending a script and telling where it failed.

use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::{Error, SimpleQueryMessage};

use super::{
    cause::Cause,
    error::{MigrateError, ScriptFailure},
    executor::Executor,
    limits,
    script::{Mode, Piece, Script},
    sql::column,
};

/// What came back of a query of several statements.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// How many of them the server has completed.
    pub(super) ended: usize,
    /// The first columns of the first row and of the last.
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
}

impl Answer {
    fn see(&mut self, value: Option<String>) {
        self.first = self.first.take().or_else(|| value.clone());
        self.last = value;
    }
}

/// What stays behind of a file that failed; `None` where nobody knows. Steps know better.
pub(super) fn left(script: &Script, cause: &Cause) -> Option<&'static str> {
    match script.mode {
        _ if script.commits => {
            Some("it ends its transaction by itself, so look at what it left behind")
        }
        Mode::Transaction if !cause.is_lost_connection() => Some("it was rolled back"),
        _ => None,
    }
}

/// What a query carried of a script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// Its first byte.
    pub(super) from: usize,
    /// How many characters of ours stood in front of it.
    pub(super) ahead: usize,
    /// How many of the script's statements had ended; `None`: the error is not one of the script's.
    pub(super) ended: Option<usize>,
}

impl Executor<'_> {
    /// Sends the script piece by piece, and nothing behind an error or a stop.
    pub(super) async fn script(&self, script: &Script) -> Result<(), MigrateError> {
        for piece in script.pieces() {
            self.go_further()?;
            self.piece(script, piece).await?;
        }
        Ok(())
    }

    pub(super) async fn piece(&self, script: &Script, piece: Piece) -> Result<(), MigrateError> {
        match piece {
            Piece::Query { range, first } => {
                self.scene.progress.reaches(first);
                let mut answer = Answer::default();
                let sent = self.query(&script.text[range.clone()], &mut answer).await;
                let ended = Some(first + answer.ended);
                sent.map_err(|error| {
                    self.failure(script, Share { from: range.start, ahead: 0, ended }, &error)
                })
            }
            Piece::Copy { statement, data } => {
                self.scene.progress.reaches(statement);
                let range = script.statements[statement].range.clone();
                let copied = self.copy(&script.text[range.clone()], &script.text[data]).await;
                let share = Share { from: range.start, ahead: 0, ended: Some(statement) };
                copied.map_err(|error| self.failure(script, share, &error))
            }
        }
    }

    /// One simple query. `answer` is what had come when it ended or failed.
    pub(super) async fn query(&self, text: &str, answer: &mut Answer) -> Result<(), Error> {
        let messages = self.scene.session.client.simple_query_raw(text).await?;
        let mut messages = std::pin::pin!(messages);
        while let Some(message) = messages.try_next().await? {
            match message {
                SimpleQueryMessage::CommandComplete(_) => answer.ended += 1,
                SimpleQueryMessage::Row(row) => answer.see(column(&row, 0)),
                _ => {}
            }
        }
        Ok(())
    }

    async fn copy(&self, statement: &str, data: &str) -> Result<(), Error> {
        const CHUNK: usize = 64 * 1024;
        let sink = self.scene.session.client.copy_in(statement).await?;
        let mut sink = std::pin::pin!(sink);
        for chunk in data.as_bytes().chunks(CHUNK) {
            sink.send(std::io::Cursor::new(chunk.to_vec())).await?;
        }
        sink.finish().await.map(drop)
    }

    /// The error of a query that carried the script or a share of it.
    pub(super) fn failure(&self, script: &Script, share: Share, error: &Error) -> MigrateError {
        let cause = Cause::on(self.scene.session, error);
        let Share { from, ahead, ended } = share;
        let position = cause.position().filter(|_| ended.is_some());
        let position = position.map(|position| position.saturating_sub(ahead));
        let (place, statement) = script.place(from, position, ended);
        let left = left(script, &cause).map(str::to_owned);
        let hint = limits::cancelled(script, self.scene.policy, &cause);
        MigrateError::Script(Box::new(ScriptFailure {
            place,
            statement,
            cause,
            blocker: self.scene.progress.blocker(),
            applied: self.scene.progress.so_far(),
            left,
            committed: false,
            hint,
            exit: self.scene.exit,
        }))
    }
}
