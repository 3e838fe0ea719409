//! Flags, variables and files to `Config`, the one resolved struct.

pub(crate) mod command;
pub(crate) mod database;
pub(crate) mod duration;
pub(crate) mod environment;
pub(crate) mod secret;
pub(crate) mod target;
