//! The environment that children get: the container's own, less what is not theirs, plus what we add.

use std::ffi::{OsStr, OsString};

/// Names and values for a child, in a stable order. `Debug` prints names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// Keeps the given order; of a name that comes twice the first counts, as in getenv(3).
    pub(crate) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut kept = Self::default();
        for (name, value) in variables {
            if kept.get(&name).is_none() {
                kept.0.push((name, value));
            }
        }
        kept
    }

    pub(crate) fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        let wanted = name.as_ref();
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_os_str())
    }

    /// The value as text; `None` if unset or not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str)
    }

    /// Replaces the value in place, or appends the name.
    pub(crate) fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) fn remove(&mut self, name: impl AsRef<OsStr>) {
        let unwanted = name.as_ref();
        self.0.retain(|(name, _)| name != unwanted);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
