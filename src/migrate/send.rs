//! Sending a script and telling where it failed.

use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::{Error, SimpleQueryMessage};

use super::{
    cause::Cause,
    error::{MigrateError, ScriptFailure},
    executor::Executor,
    script::{Piece, Script},
};

impl Executor<'_> {
    /// Sends the script, whole if it can be.
    pub(super) async fn script(&self, script: &Script) -> Result<(), MigrateError> {
        for piece in script.pieces() {
            self.piece(script, piece).await?;
        }
        Ok(())
    }

    pub(super) async fn piece(&self, script: &Script, piece: Piece) -> Result<(), MigrateError> {
        match piece {
            Piece::Query { range, first } => {
                let mut ended = first;
                self.scene.progress.reaches(first);
                let sent = self.query(&script.text[range.clone()], &mut ended).await;
                sent.map_err(|error| self.failure(script, range.start, Some(ended), &error))
            }
            Piece::Copy { statement, data } => {
                self.scene.progress.reaches(statement);
                let range = script.statements[statement].range.clone();
                let copied = self.copy(&script.text[range.clone()], &script.text[data]).await;
                copied.map_err(|error| self.failure(script, range.start, Some(statement), &error))
            }
        }
    }

    /// One simple query; `ended` counts the statements that the server has completed.
    async fn query(&self, text: &str, ended: &mut usize) -> Result<(), Error> {
        let answers = self.scene.session.client.simple_query_raw(text).await?;
        let mut answers = std::pin::pin!(answers);
        while let Some(answer) = answers.try_next().await? {
            if matches!(answer, SimpleQueryMessage::CommandComplete(_)) {
                *ended += 1;
                self.scene.progress.reaches(*ended);
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

    /// The error of a query that began at byte `sent` of the script, after `ended` statements;
    /// `None`: it was not one of the script's.
    pub(super) fn failure(
        &self,
        script: &Script,
        sent: usize,
        ended: Option<usize>,
        error: &Error,
    ) -> MigrateError {
        let cause = Cause::of(error);
        let position = cause.position().filter(|_| ended.is_some());
        let (place, statement) = script.place(sent, position, ended);
        let left = script.commits.then(|| {
            "it ends its transaction by itself, so look at what it left behind".to_owned()
        });
        MigrateError::Script(Box::new(ScriptFailure {
            label: script.label.clone(),
            place,
            statement,
            cause,
            blocker: self.scene.progress.blocker(),
            applied: self.scene.progress.so_far(),
            left,
            exit: self.scene.exit,
        }))
    }
}
