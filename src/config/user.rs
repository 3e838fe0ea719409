//! `APP_INIT_USER`: whom to become, known before anything is touched.

use std::path::Path;

use super::{files::Files, problem::Problem, types::nearest};
use crate::process::identity::{GROUP, Identity, IdentityError, PASSWD, identify};

/// Looks the user up in the image's own files; one that is missing knows nobody.
pub(super) fn user(text: &str, files: &impl Files) -> Result<Identity, Problem> {
    let read = |path: &str| {
        let bytes = files.read(Path::new(path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    identify(text, &read(PASSWD), &read(GROUP)).map_err(|error| problem(&error))
}

fn problem(error: &IdentityError) -> Problem {
    let problem = Problem::config(error.to_string());
    match error {
        IdentityError::Syntax(_) => {
            problem.hint("write a name or a number, and maybe a group: app, 1000, 1000:1000")
        }
        IdentityError::Number(_) => problem,
        IdentityError::NoUser { name, known } | IdentityError::NoGroup { name, known } => problem
            .hint(match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "add it in the Dockerfile, or write its number, which needs no entry".to_owned()
                }
            }),
    }
}
