//! In which order the hosts of a connection are tried.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::config::database::{Connection, Host};

/// As they are written, or for `load_balance_hosts=random` in any order (PostgreSQL manual, 34.1.2).
/// `draw` gives a number below the one it gets.
pub(super) fn order(connection: &Connection, draw: impl Fn(usize) -> usize) -> Vec<&Host> {
    let mut hosts: Vec<&Host> = connection.hosts.iter().collect();
    if connection.shuffled {
        // Durstenfeld's form of the Fisher-Yates shuffle: each order is as likely as any other.
        for last in (1..hosts.len()).rev() {
            hosts.swap(last, draw(last + 1));
        }
    }
    hosts
}

/// A number below `limit`, which is not 0. The keys of each `RandomState` differ from all before, and
/// from those of other processes.
pub(super) fn below(limit: usize) -> usize {
    let random = RandomState::new().build_hasher().finish();
    usize::try_from(random % limit as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn connection(more: &str) -> Connection {
        let text = format!("postgres://u@a,b,c/d?{more}");
        Connection::parse(&text, "DATABASE_URL", &|_| None).unwrap().0
    }

    fn names(hosts: &[&Host]) -> String {
        hosts.iter().map(|host| host.to_string().replace(":5432", "")).collect()
    }

    #[test]
    fn without_the_wish_the_order_is_the_written_one() {
        for more in ["", "load_balance_hosts=disable", "load_balance_hosts="] {
            assert_eq!(names(&order(&connection(more), |_| 0)), "abc", "{more}");
        }
    }

    #[test]
    fn each_order_comes_from_one_sequence_of_draws() {
        let connection = connection("load_balance_hosts=random");
        let mut orders: Vec<String> = Vec::new();
        for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
            let draw = |limit| if limit == 3 { first } else { second };
            orders.push(names(&order(&connection, draw)));
        }
        orders.sort();
        assert_eq!(orders, ["abc", "acb", "bac", "bca", "cab", "cba"]);
    }

    /// One in six of 1200 is 200, and the spread of that is 13: none is below 100 by chance.
    #[test]
    fn each_order_is_as_likely_as_any_other() {
        let connection = connection("load_balance_hosts=random");
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..1200 {
            *seen.entry(names(&order(&connection, below))).or_default() += 1;
        }
        assert!(seen.len() == 6 && seen.values().all(|count| *count > 100), "{seen:?}");
    }
}
