//! `init healthcheck`: one line on stdout, and 0 or 1 (Docker knows no other code and reserves 2).

use std::time::Duration;

use super::{report, runtime, tell};
use crate::{
    cli::{Asked, Healthcheck},
    config::{Config, duration, problem::Problem},
    failure::sentence,
    healthcheck::{self, Check, Expected, Question, Verdict},
};

/// Unless the words themselves are wrong, which is 64.
pub(super) fn check(asked: &Healthcheck, config: &Config) -> u8 {
    let limits =
        limit(&asked.timeout).and_then(|timeout| Ok((timeout, expected(&asked.expect_status)?)));
    match limits {
        Ok((timeout, expected)) => told(&verdict(asked, config, timeout, expected)),
        Err(problem) => tell(&problem).code(),
    }
}

fn verdict(asked: &Healthcheck, config: &Config, timeout: Duration, expected: Expected) -> Verdict {
    let question = match asked.question {
        Asked::Live => Question::Live { ask: asked.url },
        Asked::Ready => Question::Ready,
    };
    if let Some(verdict) = healthcheck::by_stage(question, &healthcheck::stage()) {
        return verdict;
    }
    let endpoint = match &config.healthcheck {
        Ok(endpoint) => endpoint.clone(),
        Err(problem) => {
            let subject = if asked.url { "--url" } else { "APP_INIT_HEALTHCHECK_URL" };
            return Verdict::failed(format!("cannot ask: {subject}: {}", sentence(problem)));
        }
    };
    let check = Check { question, endpoint, timeout, expected };
    match runtime() {
        Ok(runtime) => {
            let verdict = runtime.block_on(healthcheck::by_url(&check));
            // A name lookup may still hang in getaddrinfo(3); nobody waits for it.
            runtime.shutdown_background();
            verdict
        }
        Err(failure) => Verdict::failed(format!("cannot ask: {}", sentence(&*failure))),
    }
}

fn told(verdict: &Verdict) -> u8 {
    report::print(&format!("{verdict}\n"));
    u8::from(!verdict.passed)
}

fn limit(text: &str) -> Result<Duration, Problem> {
    let wrong = |why: String| Problem::usage(format!("--timeout: {why}"));
    let limit = duration::parse(text).map_err(wrong)?.filter(|limit| !limit.is_zero());
    limit.ok_or_else(|| wrong(format!("`{text}` is not a time such as 3s")))
}

fn expected(text: &str) -> Result<Expected, Problem> {
    Expected::parse(text).map_err(|why| Problem::usage(format!("--expect-status: {why}")))
}
