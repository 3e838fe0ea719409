//! Becoming another user: for a moment, or for good.
//!
//! The C library's calls change every thread of the process (setuid(2), NOTES), the kernel's own
//! only the calling one, so users and groups go through the former.

use nix::unistd::{
    self, Gid, Uid, fchown, getgroups, seteuid, setgid, setgroups, setresgid, setresuid, setuid,
};
use rustix::{
    fs::{FileType, fstat},
    thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities},
};
use thiserror::Error;

use super::identity::Identity;
use crate::{exit::Exit, failure::Failure};

/// Why we are not the user who was asked for.
#[derive(Debug, Error)]
pub(crate) enum PrivilegeError {
    #[error("cannot become `{asked}`, {wanted}: app-init was started as uid {uid}, gid {gid}")]
    NotRoot { asked: String, wanted: String, uid: Uid, gid: Gid },
    #[error("cannot become `{asked}`, {wanted}: {call}")]
    Refused {
        asked: String,
        wanted: String,
        call: &'static str,
        #[source]
        why: nix::Error,
    },
    #[error("cannot become `{asked}`, {wanted}: the kernel would still let us be root again")]
    WayBack { asked: String, wanted: String },
}

impl Failure for PrivilegeError {
    fn exit(&self) -> Exit {
        Exit::Config
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRoot { .. } => {
                "start the container as root (no `USER` in the Dockerfile, no `user:` or `runAsUser`), \
                 or unset APP_INIT_USER"
                    .to_owned()
            }
            Self::Refused { why: nix::Error::EINVAL, .. } => {
                "that number is not mapped in this user namespace; choose one that is".to_owned()
            }
            Self::Refused { .. } => {
                "it takes the capabilities SETUID and SETGID (docker run --cap-add SETUID --cap-add SETGID); \
                 without them start the container as that user and unset APP_INIT_USER"
                    .to_owned()
            }
            Self::WayBack { .. } => "start the container as that user and unset APP_INIT_USER".to_owned(),
        })
    }
}

/// How we are the user who was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    /// We were root and are no more.
    Dropped,
    /// We were that user from the start.
    Already,
}

/// Becomes the user for good: groups, gid, uid, and no capability in any set of this process.
///
/// Only root can. Nobody else may ask for another user than they are; their groups stay as they are.
/// # Errors
/// Another user was asked for and we are not root, the kernel refused, or root could be had again.
/// Half of it may be done then: the start has to end.
pub(crate) fn become_user(user: &Identity) -> Result<Became, PrivilegeError> {
    may_become(user)?;
    if !Uid::effective().is_root() {
        return Ok(Became::Already);
    }
    let refused = |call| move |why| refusal(user, call, why);
    if !user.uid.is_root() {
        give_output(user);
    }
    setgroups(&user.groups).map_err(refused("setgroups"))?;
    setgid(user.gid).map_err(refused("setgid"))?;
    // From root it sets the real, effective and saved one (setuid(2)).
    setuid(user.uid).map_err(refused("setuid"))?;
    if user.uid.is_root() {
        return Ok(Became::Already);
    }
    // The kernel has cleared the other sets by now, unless securebits told it not to (capabilities(7)).
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    let cleared = set_capabilities(None, none);
    cleared.map_err(|why| refusal(user, "capset", nix::Error::from_raw(why.raw_os_error())))?;
    if setuid(Uid::from_raw(0)).is_ok() || seteuid(Uid::from_raw(0)).is_ok() {
        let (asked, wanted) = naming(user);
        return Err(PrivilegeError::WayBack { asked, wanted });
    }
    Ok(Became::Dropped)
}

/// Whether we are root, or that user already. Without a named group any group will do.
/// # Errors
/// Another user was asked for and we are not root.
pub(crate) fn may_become(user: &Identity) -> Result<(), PrivilegeError> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let same = user.uid == uid && (user.gid == gid || !user.group_named);
    if uid.is_root() || same {
        return Ok(());
    }
    let (asked, wanted) = naming(user);
    Err(PrivilegeError::NotRoot { asked, wanted, uid, gid })
}

/// Does something with the user's rights on files and is root again afterwards: the saved ids stay
/// root's meanwhile. The real ones change too, because access(2) goes by those.
/// # Errors
/// The kernel refused.
pub(crate) fn acting_as<T>(user: &Identity, work: impl FnOnce() -> T) -> Result<T, PrivilegeError> {
    let refused = |call| move |why| refusal(user, call, why);
    let (ours, gid, root) = (getgroups(), Gid::effective(), Uid::from_raw(0));
    let ours = ours.map_err(refused("getgroups"))?;
    setgroups(&user.groups).map_err(refused("setgroups"))?;
    setresgid(user.gid, user.gid, gid).map_err(refused("setresgid"))?;
    setresuid(user.uid, user.uid, root).map_err(refused("setresuid"))?;
    let done = work();
    setresuid(root, root, root).map_err(refused("setresuid"))?;
    setresgid(gid, gid, gid).map_err(refused("setresgid"))?;
    setgroups(&ours).map_err(refused("setgroups"))?;
    Ok(done)
}

/// Gives root's pipes and terminals on 0, 1, 2 to the user, as container runtimes do for `USER`:
/// opening `/dev/stdout` by name needs more than an inherited descriptor. What cannot be given stays.
fn give_output(user: &Identity) {
    let standard = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    for descriptor in standard {
        let Ok(found) = fstat(descriptor) else { continue };
        let kind = FileType::from_raw_mode(found.st_mode);
        let terminal = kind == FileType::CharacterDevice && unistd::isatty(descriptor) == Ok(true);
        if found.st_uid == 0 && (terminal || kind == FileType::Fifo) {
            let _ = fchown(descriptor, Some(user.uid), None);
        }
    }
}

fn refusal(user: &Identity, call: &'static str, why: nix::Error) -> PrivilegeError {
    let (asked, wanted) = naming(user);
    PrivilegeError::Refused { asked, wanted, call, why }
}

fn naming(user: &Identity) -> (String, String) {
    (user.text.clone(), format!("uid {}, gid {}", user.uid, user.gid))
}
