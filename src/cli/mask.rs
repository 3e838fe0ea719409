//! What may be printed of a text that may hold a credential.

/// Replaces the password of every URL (`://user:…@`) and every `password=…` in `text` by `***`.
///
/// A URL's user information ends at the last `@` of its word, so that an unescaped `@` in a password
/// does not show the rest of it.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut word = String::new();
    for letter in text.chars() {
        if letter.is_whitespace() || matches!(letter, '"' | '\'') {
            masked.push_str(&mask_word(&word));
            masked.push(letter);
            word.clear();
        } else {
            word.push(letter);
        }
    }
    masked.push_str(&mask_word(&word));
    masked
}

fn mask_word(word: &str) -> String {
    mask_assignment(&mask_userinfo(word))
}

fn mask_userinfo(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let Some((userinfo, place)) = rest.rsplit_once('@') else { return word.to_owned() };
    match userinfo.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{place}"),
        None => word.to_owned(),
    }
}

fn mask_assignment(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let start = ["password=", "passwd=", "pwd="]
        .iter()
        .filter_map(|key| lower.find(key).map(|at| at + key.len()))
        .min();
    let Some(start) = start else { return word.to_owned() };
    let end = word[start..].find(['&', ';']).map_or(word.len(), |length| start + length);
    if end == start { word.to_owned() } else { format!("{}***{}", &word[..start], &word[end..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_passwords_and_nothing_else() {
        for (text, shown) in [
            ("alembic upgrade head", "alembic upgrade head"),
            ("postgres://app:s3cret@db:5432/app", "postgres://app:***@db:5432/app"),
            ("psql postgres://u:p@ss@db/app -c 'x'", "psql postgres://u:***@db/app -c 'x'"),
            ("redis://:pw@cache", "redis://:***@cache"),
            ("http://nominatim:8080/status", "http://nominatim:8080/status"),
            ("postgres://u@db/app", "postgres://u@db/app"),
            ("host=db password=pw user=x", "host=db password=*** user=x"),
            ("http://x/?password=pw&a=b", "http://x/?password=***&a=b"),
            ("[\"sh\",\"postgres://u:p@h\"]", "[\"sh\",\"postgres://u:***@h\"]"),
            ("env PGPASSWORD=pw psql", "env PGPASSWORD=*** psql"),
        ] {
            assert_eq!(mask(text), shown, "{text:?}");
        }
    }
}
