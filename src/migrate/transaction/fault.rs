//! To whom an error belongs that a query of ours and of a script ended with. Pure.

/// Whose error it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Fenced,
    Already,
    Opening,
    /// How many statements of the script had ended; `None`: all, and the `COMMIT` failed.
    Script(Option<usize>),
    /// What is between script and `COMMIT`.
    Record,
}

/// Whose error it was, from how many statements of the query had `ended` and whether the position
/// that the server named lies `inside` the script or behind it.
pub(super) fn fault(
    (opening, script, closing): (usize, usize, usize),
    ended: usize,
    inside: bool,
    missing: bool,
) -> Fault {
    match ended {
        _ if missing && ended + 2 == opening => Fault::Fenced,
        _ if missing && ended + 1 == opening => Fault::Already,
        // A syntax error shows before anything runs.
        _ if ended < opening && inside => Fault::Script(Some(0)),
        _ if ended < opening => Fault::Opening,
        _ if ended < opening + script => Fault::Script(Some(ended - opening)),
        _ if ended + 1 < opening + script + closing => Fault::Record,
        _ => Fault::Script(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An opening of five statements, a script of two and a closing of three.
    #[test]
    fn an_error_belongs_to_whoever_had_the_word() {
        for (ended, inside, missing, expected) in [
            (0, false, false, Fault::Opening),
            (0, true, false, Fault::Script(Some(0))),
            (3, false, true, Fault::Fenced),
            (4, false, true, Fault::Already),
            (4, false, false, Fault::Opening),
            (5, false, true, Fault::Script(Some(0))),
            (6, true, false, Fault::Script(Some(1))),
            (7, true, false, Fault::Record),
            (8, false, false, Fault::Record),
            (9, false, false, Fault::Script(None)),
        ] {
            assert_eq!(
                fault((5, 2, 3), ended, inside, missing),
                expected,
                "{ended} {inside} {missing}"
            );
        }
    }
}
