//! Migrations and seeds: where they come from, and within which limits they run.

use std::time::Duration;

use crate::config::{
    MigrateSettings, Provision, SeedSettings,
    files::Files,
    locate::{MIGRATIONS, SEEDS, UsualFolder},
    problem::Problem,
    types::{Autorun, SeedSwitch},
    values::Reader,
};

pub(super) fn migrate(reader: &mut Reader<'_>, files: &impl Files) -> MigrateSettings {
    MigrateSettings {
        switch: match reader.word("AUTORUN_MIGRATIONS").as_str() {
            "false" => Autorun::No,
            "wait" => Autorun::Wait,
            _ => Autorun::Yes,
        },
        provision: provision(reader, files, &MIGRATIONS),
        timeout: reader.limit("APP_INIT_MIGRATE_TIMEOUT"),
        watch: reader.quoted_list("APP_INIT_MIGRATE_WATCH", false),
        tables: reader.quoted_list("APP_INIT_MIGRATE_TABLE", true),
        strict: reader.is_true("APP_INIT_MIGRATE_STRICT"),
        lock_timeout: reader.limit("APP_INIT_MIGRATE_LOCK_TIMEOUT").unwrap_or_default(),
        lock_retry: reader.limit("APP_INIT_MIGRATE_LOCK_RETRY"),
        statement_timeout: statement_timeout(reader),
    }
}

/// What is set for a watched command and has no effect, as there is none: for the log.
pub(super) fn without_effect(reader: &Reader<'_>, settings: &MigrateSettings) -> Vec<String> {
    let is_watched = !settings.watch.is_empty();
    let (why, names) = match &settings.provision {
        Provision::Folder(_) => ("a folder has its history", [Some("WATCH"), Some("TABLE"), None]),
        Provision::Command(_) if !is_watched => (
            "without APP_INIT_MIGRATE_WATCH the command runs on each start",
            [None, Some("TABLE"), settings.strict.then_some("STRICT")],
        ),
        Provision::Command(_) | Provision::Nothing(_) => return Vec::new(),
    };
    let names = names.into_iter().flatten().map(|name| format!("APP_INIT_MIGRATE_{name}"));
    let set = names.filter(|name| reader.text(name).is_some_and(|text| !text.is_empty()));
    set.map(|name| format!("{} has no effect: {why}", reader.subject(&name))).collect()
}

/// The server reads zero as *no limit*.
fn statement_timeout(reader: &mut Reader<'_>) -> Option<Duration> {
    const NAME: &str = "APP_INIT_MIGRATE_STATEMENT_TIMEOUT";
    reader.text(NAME).map(|_| reader.limit(NAME).unwrap_or_default())
}

pub(super) fn seed(reader: &mut Reader<'_>, files: &impl Files) -> SeedSettings {
    SeedSettings {
        switch: match reader.word("SEED_ON_START").as_str() {
            "true" => SeedSwitch::EachStart,
            "once" => SeedSwitch::Once,
            _ => SeedSwitch::No,
        },
        provision: provision(reader, files, &SEEDS),
        id: reader.text("APP_INIT_SEED_ID").unwrap_or_default(),
        wait_for: reader.targets("APP_INIT_SEED_WAIT_FOR").unwrap_or_default(),
        timeout: reader.limit("APP_INIT_SEED_TIMEOUT"),
        on_failure: reader.on_failure("APP_INIT_SEED_ON_FAILURE"),
    }
}

/// A folder or a command, never both.
fn provision(reader: &mut Reader<'_>, files: &impl Files, usual: &UsualFolder) -> Provision {
    let UsualFolder { setting: folder, name, command } = usual;
    let path = reader.path(folder);
    if let (Some(_), Some(_)) = (&path, reader.sources.values.get(command)) {
        reader.problems.push(
            Problem::config(format!("{folder} and {command} are both set"))
                .hint("keep the one that counts"),
        );
    }
    if let Some(path) = path {
        if !files.is_dir(&path) {
            reader.wrong(
                folder,
                Problem::no_input(format!("there is no folder `{}`", path.display())),
            );
        }
        return Provision::Folder(path);
    }
    if let Some(command) = reader.command(command) {
        return Provision::Command(command);
    }
    Provision::Nothing(format!("{command} is unset, and neither /{name} nor ./{name} is there"))
}
