//! Names to the 64-bit keys of advisory locks. Pure.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// What a key is for. Both kinds of one namespace differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Who migrates at all.
    Leader,
    /// Who applies a file right now, even if a leader lost its lock without noticing yet.
    Fence,
}

/// An advisory lock's key. Postgres keeps them apart by database (manual, 13.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

impl Key {
    /// SipHash-1-3 with both keys zero over `app-init leader` or `app-init fence`, a zero byte and
    /// the namespace. It must never change: old and new images start side by side.
    pub(super) fn new(kind: Kind, namespace: &str) -> Self {
        let kind = match kind {
            Kind::Leader => "app-init leader",
            Kind::Fence => "app-init fence",
        };
        let mut hasher = SipHasher13::new();
        hasher.write(kind.as_bytes());
        hasher.write(&[0]);
        hasher.write(namespace.as_bytes());
        Self(hasher.finish())
    }

    /// Takes the lock until the transaction ends, or says `f` at once.
    pub(super) fn try_lock(self) -> String {
        format!("SELECT pg_catalog.pg_try_advisory_xact_lock({})", self.signed())
    }

    /// Takes the lock until the session ends, or says `f` at once.
    pub(super) fn try_session_lock(self) -> String {
        format!("SELECT pg_catalog.pg_try_advisory_lock({})", self.signed())
    }

    pub(super) fn unlock_session(self) -> String {
        format!("SELECT pg_catalog.pg_advisory_unlock({})", self.signed())
    }

    /// The condition on `pg_locks l` for whoever holds the lock in this database: the halves of
    /// the key are `classid` and `objid` (manual, 54.13).
    pub(super) fn held(self) -> String {
        format!(
            "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.classid::bigint = {} AND l.objid::bigint = {} AND l.database = \
             (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
            self.0 >> 32,
            self.0 & 0xFFFF_FFFF,
        )
    }

    fn signed(self) -> i64 {
        i64::from_ne_bytes(self.0.to_ne_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_they_have_always_been() {
        assert_eq!(Key::new(Kind::Leader, "app").signed(), 7_481_062_682_510_524_004);
        assert_eq!(Key::new(Kind::Fence, "app").signed(), -1_195_359_754_405_170_023);
        assert_ne!(Key::new(Kind::Leader, "app"), Key::new(Kind::Leader, "App"));
    }
}
