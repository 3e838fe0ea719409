//! A Redis that lets us in, has the database, and answers PING. `-…` is never ready.

use super::{Readiness, Seen, wire::Place};
use crate::{
    config::target::Redis,
    diagnose::{Row, network::protocol, table},
};

pub(super) async fn attempt(target: &Redis) -> Readiness {
    let place = Place::new(&target.host, target.port, target.tls);
    match talk(target, &place).await {
        Ok(()) => Readiness::Ready,
        Err(seen) => Readiness::NotYet(seen),
    }
}

/// AUTH, SELECT, PING, each answered before the next is sent.
async fn talk(target: &Redis, place: &Place<'_>) -> Result<(), Seen> {
    let mut stream = place.open().await?;
    for words in commands(target) {
        let enough = |answer: &[u8]| answer.contains(&b'\n');
        let answer = place.ask(&mut stream, &command(&words), 4096, enough).await?;
        if let Some(row) = refusal(&words[0], &answer) {
            return Err(place.seen(row, &detail(row, target, &answer)));
        }
    }
    Ok(())
}

fn commands(target: &Redis) -> Vec<Vec<String>> {
    let mut list = Vec::new();
    if let Some(password) = &target.password {
        let user = target.user.iter().cloned();
        let words = ["AUTH".to_owned()].into_iter().chain(user);
        list.push(words.chain([password.expose().to_owned()]).collect());
    }
    if target.database > 0 {
        list.push(vec!["SELECT".to_owned(), target.database.to_string()]);
    }
    list.push(vec!["PING".to_owned()]);
    list
}

/// An array of bulk strings (Redis serialization protocol, "Sending commands").
fn command(words: &[String]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes.extend(["$", &word.len().to_string(), "\r\n", word, "\r\n"]);
    }
    bytes.into_bytes()
}

/// The row of an answer that is not `+…`.
fn refusal(command: &str, answer: &[u8]) -> Option<&'static Row> {
    let row = match code(answer).as_str() {
        _ if answer.starts_with(b"+") => return None,
        _ if !answer.starts_with(b"-") => &table::NOT_REDIS,
        "LOADING" | "BUSY" | "MASTERDOWN" | "TRYAGAIN" => &table::REDIS_LOADING,
        "NOAUTH" => &table::REDIS_PASSWORD,
        "WRONGPASS" => &table::REDIS_LOGIN,
        // Before version 6: `-ERR invalid password`, `-ERR Client sent AUTH, but no password is set`.
        "ERR" if command == "AUTH" => &table::REDIS_LOGIN,
        "ERR" if command == "SELECT" => &table::REDIS_DATABASE,
        "DENIED" | "NOPERM" => &table::REDIS_DENIED,
        _ => &table::REDIS_ERROR,
    };
    Some(row)
}

/// The first word of an error. The rest may quote what was sent, so it is not shown.
fn code(answer: &[u8]) -> String {
    let word = answer.iter().skip(1).take_while(|byte| byte.is_ascii_uppercase()).take(20);
    word.map(|byte| char::from(*byte)).collect()
}

fn detail(row: &'static Row, target: &Redis, answer: &[u8]) -> String {
    if row == &table::NOT_REDIS {
        protocol(answer).unwrap_or("a service with another protocol").to_owned()
    } else if row == &table::REDIS_DATABASE {
        target.database.to_string()
    } else {
        code(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plus_is_ready() {
        for (command, answer, id) in [
            ("PING", "+PONG\r\n", None),
            ("AUTH", "+OK\r\n", None),
            ("PING", "-LOADING Redis is loading the dataset in memory\r\n", Some("redis-loading")),
            ("PING", "-NOAUTH Authentication required.\r\n", Some("redis-no-password")),
            ("AUTH", "-WRONGPASS invalid username-password pair\r\n", Some("redis-login")),
            ("AUTH", "-ERR invalid password\r\n", Some("redis-login")),
            ("SELECT", "-ERR DB index is out of range\r\n", Some("redis-database")),
            ("PING", "-DENIED Redis is running in protected mode\r\n", Some("redis-denied")),
            ("PING", "-ERR unknown\r\n", Some("redis-error")),
            ("PING", "HTTP/1.1 400 Bad Request\r\n", Some("not-redis")),
        ] {
            let found = refusal(command, answer.as_bytes()).map(|row| row.id);
            assert_eq!(found, id, "{command} {answer}");
        }
    }
}
