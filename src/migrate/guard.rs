//! What can end a run of files from outside: a stop, a lost lock, the time limit.

use std::{
    future::{self, Future},
    pin::{Pin, pin},
    time::Duration,
};

use tokio::time::sleep;

use super::{
    error::MigrateError,
    lock::{Leader, spoken},
    progress::Progress,
    session::cancel,
};
use crate::{log, plan::FilePolicy, postgres::Session};

/// How long a cancelled statement may take to end before its connection is dropped.
const UNWIND: Duration = Duration::from_secs(10);

/// What is watched over, and by which rules.
pub(super) struct Guard<'a> {
    /// `migrate` or `seed`, for the log.
    pub(super) phase: &'static str,
    pub(super) session: &'a Session,
    pub(super) progress: &'a Progress,
    pub(super) leader: &'a Leader,
    pub(super) policy: FilePolicy,
}

/// Why a run was ended.
enum Why {
    Stopped,
    LockLost(String),
    TimedOut(Duration),
}

/// How a run ended that was told to.
enum Unwound<T> {
    Ended(Result<T, MigrateError>),
    /// Nothing ran on the server.
    Idle,
    /// The server did not say.
    Unheard,
}

impl Guard<'_> {
    /// Carries out `work` until it ends, the caller says stop, the lock is lost or time is up. In
    /// the latter cases the running statement is cancelled through the protocol, and has ended
    /// before this returns unless the server says nothing for `UNWIND`.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, MigrateError>>,
        stop: impl Future<Output = ()>,
    ) -> Result<T, MigrateError> {
        let mut work = pin!(work);
        let outcome = tokio::select! {
            biased;
            result = &mut work => Ok(result),
            why = self.ended(stop) => Err(why),
        };
        log::end_status();
        let why = match outcome {
            Ok(result) => return result,
            Err(why) => why,
        };
        self.progress.stops();
        let during = self.during(&self.unwind(work).await);
        let applied = self.progress.so_far();
        Err(match why {
            Why::Stopped => MigrateError::Stopped { during, applied },
            Why::LockLost(why) => MigrateError::LockLost { why, applied },
            Why::TimedOut(limit) => {
                let phase = self.phase;
                MigrateError::TimedOut { phase, limit: spoken(limit), during, applied }
            }
        })
    }

    async fn ended(&self, stop: impl Future<Output = ()>) -> Why {
        tokio::select! {
            biased;
            () = stop => Why::Stopped,
            why = self.leader.lost() => Why::LockLost(why),
            limit = elapsed(self.policy.timeout) => Why::TimedOut(limit),
            never = self.progress.heartbeat(self.phase, self.policy.heartbeat) => match never {},
            never = self.progress.show(self.phase) => match never {},
        }
    }

    /// Cancels until the work has ended. A request may come between two statements, so one is not
    /// enough.
    async fn unwind<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = Result<T, MigrateError>>>,
    ) -> Unwound<T> {
        const AGAIN: Duration = Duration::from_millis(200);
        if self.progress.is_pausing() {
            return Unwound::Idle;
        }
        let limit = sleep(UNWIND);
        let mut limit = pin!(limit);
        loop {
            tokio::select! {
                biased;
                result = &mut work => return Unwound::Ended(result),
                () = async { cancel(self.session).await; sleep(AGAIN).await } => {}
                () = &mut limit => return Unwound::Unheard,
            }
        }
    }

    /// Where the work was, and what became of the file. A request that comes during a `COMMIT` may
    /// come too late, or end only the wait for a standby: such a file is applied.
    fn during<T>(&self, unwound: &Unwound<T>) -> String {
        match unwound {
            Unwound::Ended(Ok(_)) => "after the last file".into(),
            Unwound::Ended(Err(MigrateError::Stopped { during, .. })) => during.clone(),
            Unwound::Ended(Err(error)) => self.progress.during(!error.is_lost_connection()),
            Unwound::Idle => self.progress.during(true),
            Unwound::Unheard => self.progress.during(false),
        }
    }
}

/// Resolves with the limit when it is over; never without one.
async fn elapsed(limit: Option<Duration>) -> Duration {
    let Some(limit) = limit else { return future::pending().await };
    sleep(limit).await;
    limit
}
