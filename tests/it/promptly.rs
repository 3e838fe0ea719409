//! A stop, or a server that answers no more, where no query of a file and no tool is running.

use std::fs::{self, File};

use nix::sys::signal::Signal;

use crate::{
    support::{Init, Postgres, Running, pid1::children, until},
    watch::{image, init},
};

/// Frees its server, however the test ends.
struct Frozen<'a>(&'a Postgres);

impl<'a> Frozen<'a> {
    /// Whoever connects from now on gets no answer.
    fn new(server: &'a Postgres) -> Self {
        server.signal(Signal::SIGSTOP);
        Self(server)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGCONT);
    }
}

/// A start whose tool has ended, and whose server lets nobody in any more to note it.
fn unnoted(settings: Init, server: &Postgres) -> (Running, Frozen<'_>) {
    let gate = tempfile::tempdir().unwrap();
    let (begun, go) = (gate.path().join("begun"), gate.path().join("go"));
    let script = format!(
        r#"["sh", "-c", "touch {}; until [ -e {} ]; do sleep 0.05; done"]"#,
        begun.display(),
        go.display()
    );
    let running = settings
        .env("APP_INIT_MIGRATE_COMMAND", &script)
        .env("APP_INIT_SEED_COMMAND", &script)
        .start();
    until("the tool runs", || begun.exists().then_some(()));
    let frozen = Frozen::new(server);
    fs::write(go, "").unwrap();
    until("the tool has ended", || children(running.pid()).is_empty().then_some(()));
    (running, frozen)
}

#[test]
fn a_stop_ends_a_start_that_cannot_note_its_success() {
    let server = Postgres::start();
    let (url, image) = (server.database(), image("1"));
    let seed = Init::new(["seed"]).env("DATABASE_URL", &url).env("SEED_ON_START", "once");
    for settings in [init("migrate", image.path(), &url), seed] {
        let (running, _frozen) = unnoted(settings, &server);
        running.signal(Signal::SIGTERM);
        let finished = running.finish();
        assert_eq!(finished.code, 143, "{}", finished.stderr);
    }
}

#[test]
fn a_stop_ends_the_reading_of_what_is_watched() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let huge = File::create(image.path().join("versions/huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let reading = init("migrate", image.path(), &url).start();
    let phase = format!("/proc/{}/comm", reading.pid());
    until("the phase has begun", || {
        (fs::read_to_string(&phase).ok()?.trim() == "init:migrate").then_some(())
    });
    reading.signal(Signal::SIGTERM);
    assert_eq!(reading.exit_code(), 143);
}
