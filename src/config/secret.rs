//! A text that never prints itself: passwords and whole connection strings.
//!
//! Wiping and redaction are `secrecy`'s; this module only adds what parsers need.

use secrecy::{ExposeSecret, SecretString};

/// A secret text. `Debug` prints a placeholder, there is no `Display`, dropping wipes it.
#[derive(Clone, Debug)]
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself. Every call is a place to look at: it must not end up in any output.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}
