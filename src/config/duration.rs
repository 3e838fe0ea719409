//! "30s" to a `Duration`.

use std::time::Duration;

/// Reads `500ms`, `30s`, `5m`, `1h`; a bare number is seconds, `off` or `forever` is `None`.
/// # Errors
/// A clause for `error: SETTING: …` that repeats the text.
pub(crate) fn parse(text: &str) -> Result<Option<Duration>, String> {
    let text = text.trim();
    if matches!(text.to_ascii_lowercase().as_str(), "off" | "forever") {
        return Ok(None);
    }
    let seconds: Option<f64> = text.parse().ok();
    match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => humantime::parse_duration(text).ok(),
    }
    .map(Some)
    .ok_or_else(|| format!("`{text}` is not a duration such as 500ms, 30s, 5m or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_of_the_manual() {
        for (text, millis) in [
            ("0", Some(0)),
            ("250ms", Some(250)),
            ("30", Some(30_000)),
            ("1.5", Some(1_500)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            (" 30s ", Some(30_000)),
            ("30x", None),
            ("-1", None),
            ("nan", None),
            ("", None),
        ] {
            let read = parse(text).ok();
            assert_eq!(read, millis.map(|ms| Some(Duration::from_millis(ms))), "{text:?}");
        }
        assert_eq!(parse("off"), Ok(None));
        assert_eq!(parse("Forever"), Ok(None));
    }
}
