//! What the minimal supervisor is told, as words of a command line: it starts without environment.

use std::{ffi::OsString, time::Duration};

use crate::{
    plan::{SignalState, StopPolicy},
    process::{
        Pid,
        signal::{self, SignalTarget},
    },
};

use super::voice::{Level, Voice};

/// `argv[0]` of the supervisor; nobody types it.
pub(crate) const NAME: &str = "init:serve";

/// Everything a supervisor needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) server: Pid,
    pub(crate) policy: StopPolicy,
    pub(crate) voice: Voice,
    /// The server was put in front of the terminal, which is to be taken back at the end.
    pub(crate) foreground: bool,
    /// Orphans of our descendants become our children: we are PID 1, or a subreaper.
    pub(crate) adopts: bool,
    /// How long the server has run already.
    pub(crate) age: Duration,
    /// A forward was refused, and that was said.
    pub(crate) refused: bool,
}

impl Order {
    pub(crate) fn encode(&self) -> Vec<OsString> {
        let policy = &self.policy;
        let mut words = vec![NAME.to_owned(), format!("server={}", self.server.as_raw_pid())];
        let mut add = |name: &str, value: String| words.push(format!("{name}={value}"));
        add("delay", millis(policy.delay));
        add("grace", policy.grace.map(millis).unwrap_or_default());
        add("leftover", millis(policy.leftover));
        add("target", if policy.target == SignalTarget::Group { "group" } else { "child" }.into());
        add("map", pairs(policy).join(","));
        add("success", policy.success.iter().map(u8::to_string).collect::<Vec<_>>().join(","));
        add("log", format!("{}{}", if self.voice.json { "json-" } else { "" }, self.voice.level));
        add("foreground", self.foreground.to_string());
        add("adopts", self.adopts.to_string());
        add("age", millis(self.age));
        add("refused", self.refused.to_string());
        words.into_iter().map(OsString::from).collect()
    }

    /// `None` if these are not the words of `encode`.
    pub(crate) fn decode(words: &[OsString]) -> Option<Self> {
        let values = words.iter().skip(1).map(|word| word.to_str()?.split_once('='));
        let values: Option<Vec<(&str, &str)>> = values.collect();
        let values = values?;
        let get = |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let log = get("log")?;
        let (json, level) = log.strip_prefix("json-").map_or((false, log), |level| (true, level));
        let grace = Some(get("grace")?).filter(|text| !text.is_empty());
        Some(Self {
            server: Pid::from_raw(get("server")?.parse().ok().filter(|pid| *pid > 0)?)?,
            policy: StopPolicy {
                delay: duration(get("delay")?)?,
                grace: grace.map(|text| duration(text).ok_or(())).transpose().ok()?,
                leftover: duration(get("leftover")?)?,
                target: signal::parse_target(get("target")?).ok()?,
                map: signal::parse_map(get("map")?).ok()?,
                success: signal::parse_codes(get("success")?).ok()?,
                signals: SignalState::Default,
            },
            voice: Voice { json, level: Level::parse(level)? },
            foreground: get("foreground")?.parse().ok()?,
            adopts: get("adopts")?.parse().ok()?,
            age: duration(get("age")?)?,
            refused: get("refused")?.parse().ok()?,
        })
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn duration(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

fn pairs(policy: &StopPolicy) -> Vec<String> {
    let number = |signal: signal::Signal| signal.number().to_string();
    let pair = |(from, to): (_, Option<_>)| {
        format!("{}={}", number(from), to.map_or(String::new(), number))
    };
    policy.map.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_survive_the_command_line() {
        let plain = Order {
            server: Pid::from_raw(17).unwrap(),
            policy: StopPolicy::default(),
            voice: Voice { json: false, level: Level::Info },
            foreground: false,
            adopts: true,
            age: Duration::ZERO,
            refused: false,
        };
        let full = Order {
            policy: StopPolicy {
                delay: Duration::from_millis(1500),
                grace: Some(Duration::from_secs(9)),
                leftover: Duration::ZERO,
                target: SignalTarget::Group,
                map: signal::parse_map("TERM=QUIT,HUP=,USR1=RTMIN+3").unwrap(),
                success: vec![143, 130],
                signals: SignalState::Default,
            },
            voice: Voice { json: true, level: Level::Debug },
            foreground: true,
            adopts: false,
            age: Duration::from_millis(1001),
            refused: true,
            ..plain
        };
        for order in [plain, full] {
            assert_eq!(Order::decode(&order.encode()), Some(order));
        }
    }

    #[test]
    fn rubbish_is_refused() {
        for words in [vec![], vec!["init:serve"], vec!["init:serve", "server=0"]] {
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            assert_eq!(Order::decode(&words), None, "{words:?}");
        }
    }
}
