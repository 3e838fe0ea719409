//! One try at a target, for who only wants to know how it stands.

use super::probe::{Probe, Readiness};
use crate::{config::target::Target, diagnose::Diagnosis};

/// Tries once, within the bounds of one try.
/// # Errors
/// Why it is not ready.
pub(crate) async fn once(target: Target, writable: bool) -> Result<(), Diagnosis> {
    match Probe::new(target, writable).attempt(0, None).await {
        Readiness::Ready | Readiness::LoggedIn(_) => Ok(()),
        Readiness::NotYet(seen) => Err(seen.diagnosis),
    }
}
