//! What every phase's error has in common: an exit code, maybe a hint, and one way to be told.
//!
//! The errors themselves live with their phases; this module only turns them into lines.

use std::{error::Error, time::Duration};

use crate::{exit::Exit, phrase};

/// A target that was not ready, the first of several.
#[derive(Debug)]
pub(crate) struct Missing {
    /// Of the reason, as in docs/troubleshooting.md.
    pub(crate) id: &'static str,
    pub(crate) target: String,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    /// What its name resolved to.
    pub(crate) addresses: Vec<String>,
}

/// An error that can end the start.
pub(crate) trait Failure: Error {
    /// How the process ends because of it.
    fn exit(&self) -> Exit;

    /// What a machine wants to know of a target that was not ready; `None` for all other failures.
    fn missing(&self) -> Option<Missing> {
        None
    }

    /// What the reader can try, a line for each of several things; `None` where we do not know.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl<'a, E: Failure + 'a> From<E> for Box<dyn Failure + 'a> {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

/// The error and its causes in one line, `what failed: why`.
///
/// Our causes stand either in an error's own text or in its `source`, never in both (STYLE).
pub(crate) fn sentence(failure: &(impl Failure + ?Sized)) -> String {
    let mut line = failure.to_string();
    let mut source = failure.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.downcast_ref().map_or_else(|| cause.to_string(), phrase::system));
        source = cause.source();
    }
    line
}
