//! Users and groups: from `name|uid[:gid]` to numbers, by passwd(5) and group(5). Pure.
//!
//! Not getpwnam(3): in a static binary it would load the image's name-service modules.

use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid};
use thiserror::Error;

/// Where the names stand.
pub(crate) const PASSWD: &str = "/etc/passwd";
pub(crate) const GROUP: &str = "/etc/group";

/// A user to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// As the user wrote it.
    pub(crate) text: String,
    /// `None` for a number that passwd(5) does not know.
    pub(crate) name: Option<String>,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    /// The group was asked for and did not come from passwd(5).
    pub(crate) group_named: bool,
    /// All groups, `gid` among them.
    pub(crate) groups: Vec<Gid>,
    /// `/` where passwd(5) knows none.
    pub(crate) home: PathBuf,
    /// Root's, which this user's replaces.
    pub(crate) root_home: PathBuf,
}

/// Why a text names nobody.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum IdentityError {
    #[error("`{0}` is not name|uid[:gid]")]
    Syntax(String),
    #[error("`{0}` is no user or group number: they go from 0 to 4294967294")]
    Number(String),
    #[error("{PASSWD} has no user `{name}`")]
    NoUser { name: String, known: Vec<String> },
    #[error("{GROUP} has no group `{name}`")]
    NoGroup { name: String, known: Vec<String> },
}

/// Reads `name|uid[:gid]` as `USER` of a Dockerfile does, with one exception.
///
/// Without a group it is the one of passwd(5), and the user is in every group that group(5) puts it
/// in (initgroups(3)); with a group it is in that one only. The exception: a number that passwd(5)
/// does not know is in the group of the same number, not in root's.
pub(crate) fn identify(text: &str, passwd: &str, group: &str) -> Result<Identity, IdentityError> {
    let text = text.trim();
    let (user, named_group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let wrong = |part: &str| part.is_empty() || part.contains([':', '/', ' ']);
    if wrong(user) || named_group.is_some_and(wrong) {
        return Err(IdentityError::Syntax(text.to_owned()));
    }
    let account = account(user, passwd)?;
    let name = account.name.map(str::to_owned);
    let (gid, groups) = match named_group {
        Some(named) => group_id(named, group).map(|gid| (gid, vec![gid]))?,
        None => (account.gid, groups_of(account.name, account.gid, group)),
    };
    let home = account.home.to_owned();
    let root_home = entries(passwd).find(|entry| entry.uid.is_root());
    let root_home = root_home.map_or(Path::new("/root"), |entry| entry.home).to_owned();
    Ok(Identity {
        text: text.to_owned(),
        name,
        uid: account.uid,
        gid,
        group_named: named_group.is_some(),
        groups,
        home,
        root_home,
    })
}

impl Identity {
    /// `app (uid 1000, gid 1000)`.
    pub(crate) fn describe(&self) -> String {
        let name = self.name.as_deref().map(|name| format!("{name} "));
        format!("{}(uid {}, gid {})", name.unwrap_or_default(), self.uid, self.gid)
    }
}

/// The name of a user or group, else the number: in both files the number is the third field.
pub(crate) fn name_of(number: u32, file: &str) -> String {
    let wanted = number.to_string();
    let known = file.lines().find(|line| line.split(':').nth(2) == Some(&wanted));
    known.and_then(|line| line.split(':').next()).unwrap_or(&wanted).to_owned()
}

/// One line of passwd(5), or what stands for a number that has none.
struct Account<'a> {
    name: Option<&'a str>,
    uid: Uid,
    gid: Gid,
    home: &'a Path,
}

fn account<'a>(user: &str, passwd: &'a str) -> Result<Account<'a>, IdentityError> {
    let Some(number) = number(user)? else {
        let found = entries(passwd).find(|entry| entry.name == Some(user));
        let known = || entries(passwd).filter_map(|entry| entry.name.map(str::to_owned));
        return found.ok_or_else(|| IdentityError::NoUser {
            name: user.to_owned(),
            known: known().collect(),
        });
    };
    let uid = Uid::from_raw(number);
    let unknown = Account { name: None, uid, gid: Gid::from_raw(number), home: Path::new("/") };
    Ok(entries(passwd).find(|entry| entry.uid == uid).unwrap_or(unknown))
}

/// Name, password, uid, gid, comment, home, shell; lines that lack a number are left out.
fn entries(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let home = fields.get(5).copied().filter(|home| !home.is_empty()).unwrap_or("/");
        Some(Account {
            name: fields.first().copied().filter(|name| !name.is_empty()),
            uid: Uid::from_raw(fields.get(2)?.parse().ok()?),
            gid: Gid::from_raw(fields.get(3)?.parse().ok()?),
            home: Path::new(home),
        })
    })
}

fn group_id(named: &str, group: &str) -> Result<Gid, IdentityError> {
    if let Some(number) = number(named)? {
        return Ok(Gid::from_raw(number));
    }
    let found = groups(group).find(|(name, ..)| *name == named);
    found.map(|(_, gid, _)| gid).ok_or_else(|| IdentityError::NoGroup {
        name: named.to_owned(),
        known: groups(group).map(|(name, ..)| name.to_owned()).collect(),
    })
}

/// The groups of initgroups(3): the user's own and those whose members it is among.
fn groups_of(name: Option<&str>, own: Gid, group: &str) -> Vec<Gid> {
    let is_member =
        |members: &str| name.is_some_and(|name| members.split(',').any(|one| one == name));
    let others = groups(group).filter(|(.., members)| is_member(members)).map(|(_, gid, _)| gid);
    let mut all = vec![own];
    others.for_each(|gid| {
        if !all.contains(&gid) {
            all.push(gid);
        }
    });
    all
}

/// Name, password, gid, members.
fn groups(file: &str) -> impl Iterator<Item = (&str, Gid, &str)> {
    file.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let gid = fields.get(2)?.parse().ok()?;
        Some((*fields.first()?, Gid::from_raw(gid), fields.get(3).copied().unwrap_or_default()))
    })
}

/// `None` for a name. The highest number means *leave as it is* to the kernel (setresuid(2)).
fn number(text: &str) -> Result<Option<u32>, IdentityError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let number = text.parse().ok().filter(|number| *number != u32::MAX);
    number.map(Some).ok_or_else(|| IdentityError::Number(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n\
                          broken\nnohome:x:7:8:::\n";
    const GROUP: &str =
        "root:x:0:\nadm:x:4:syslog,app\nown:x:1001:app\nvideo:x:44:app\nempty:x:9:\n";

    #[test]
    fn texts_become_numbers() {
        for (text, uid, gid, groups, home) in [
            ("app", 1000, 1001, vec![1001, 4, 44], "/home/app"),
            ("1000", 1000, 1001, vec![1001, 4, 44], "/home/app"),
            (" app ", 1000, 1001, vec![1001, 4, 44], "/home/app"),
            ("app:video", 1000, 44, vec![44], "/home/app"),
            ("app:5", 1000, 5, vec![5], "/home/app"),
            ("2000", 2000, 2000, vec![2000], "/"),
            ("2000:0", 2000, 0, vec![0], "/"),
            ("nohome", 7, 8, vec![8], "/"),
            ("root", 0, 0, vec![0], "/root"),
        ] {
            let found = identify(text, PASSWD, GROUP).unwrap();
            let numbers: Vec<u32> = found.groups.iter().map(|gid| gid.as_raw()).collect();
            assert_eq!((found.uid.as_raw(), found.gid.as_raw()), (uid, gid), "{text:?}");
            assert_eq!((numbers, found.home.to_str()), (groups, Some(home)), "{text:?}");
        }
    }

    #[test]
    fn wrong_texts_say_what_is_wrong() {
        for (text, message) in [
            ("ap", "/etc/passwd has no user `ap`"),
            ("app:vidoe", "/etc/group has no group `vidoe`"),
            ("", "`` is not name|uid[:gid]"),
            (":5", "`:5` is not name|uid[:gid]"),
            ("app:", "`app:` is not name|uid[:gid]"),
            ("a:b:c", "`a:b:c` is not name|uid[:gid]"),
            ("4294967295", "`4294967295` is no user or group number: they go from 0 to 4294967294"),
            (
                "1:99999999999",
                "`99999999999` is no user or group number: they go from 0 to 4294967294",
            ),
            ("-1", "/etc/passwd has no user `-1`"),
        ] {
            let error = identify(text, PASSWD, GROUP).unwrap_err();
            assert_eq!(error.to_string(), message, "{text:?}");
        }
    }

    #[test]
    fn an_empty_image_knows_numbers_only() {
        let found = identify("10001:10001", "", "").unwrap();
        assert_eq!((found.name, found.home), (None, PathBuf::from("/")));
        assert!(matches!(identify("app", "", ""), Err(IdentityError::NoUser { .. })));
        assert_eq!((name_of(1000, PASSWD), name_of(5, "")), ("app".into(), "5".into()));
    }
}
