//! Whom the server runs as, and looking at files as that user.

use nix::unistd::{Gid, Uid};

use super::finding::{Finding, Section};
use crate::{
    config::Config,
    process::{
        identity::Identity,
        privileges::{acting_as, may_become},
    },
};

/// Another user than we are, whom a start would become.
pub(super) fn other(config: &Config) -> Option<&Identity> {
    config.user.as_ref().filter(|user| Uid::effective().is_root() && !user.uid.is_root())
}

/// Looks with the rights that the steps and the server will have; with ours where the kernel does not
/// let us, which is a finding of its own.
pub(super) fn as_server<T>(config: &Config, look: impl Fn() -> T) -> T {
    match other(config) {
        Some(user) => acting_as(user, &look).unwrap_or_else(|_| look()),
        None => look(),
    }
}

pub(super) fn look(config: &Config) -> Finding {
    let subject = "user";
    let ours = format!("uid {}, gid {}", Uid::effective(), Gid::effective());
    let Some(user) = &config.user else {
        return Finding::ok(Section::Container, subject, ours);
    };
    let changed = may_become(user).and_then(|()| match other(config) {
        Some(user) => acting_as(user, || ()),
        None => Ok(()),
    });
    match changed {
        Ok(()) => {
            let message = format!("{ours}; steps and server run as {}", user.describe());
            Finding::ok(Section::Container, subject, message)
        }
        Err(failure) => Finding::failure(Section::Container, subject, &failure),
    }
}
