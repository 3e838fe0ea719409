//! Whether a migrate command is watched, and what a replica can do that only waits for one.

use super::Builder;
use crate::{
    config::{Provision, identity, problem::Problem},
    diagnose::SET_DATABASE,
    plan::{Source, Watch},
};

impl Builder<'_> {
    /// `None`: nothing is watched, so the command runs on each start. A folder has its history.
    /// # Errors
    /// The reason to skip, after its problem was noted.
    pub(super) fn watch(
        &mut self,
        source: &Source,
        has_database: bool,
        check_only: bool,
    ) -> Result<Option<Watch>, String> {
        let settings = &self.config.migrate;
        let (Source::Command(step), Provision::Command(template)) = (source, &settings.provision)
        else {
            return Ok(None);
        };
        if settings.watch.is_empty() && check_only {
            return Err(self.cannot_tell(
                "AUTORUN_MIGRATIONS is `wait`, and nothing says whether a command has run",
                "set APP_INIT_MIGRATE_WATCH to the files that decide its outcome, here and where `init migrate` runs",
            ));
        }
        if settings.watch.is_empty() {
            return Ok(None);
        }
        if !has_database && self.config.database_named {
            return Err("no database is known".into()); // what is wrong with it is noted
        }
        if !has_database {
            return Err(self.cannot_tell(
                "APP_INIT_MIGRATE_WATCH: no database is known to remember the command's success in",
                SET_DATABASE,
            ));
        }
        // What `auto` stands for is a matter of the machine.
        let expanded = template.expand(&identity::of_image(&step.environment), 0);
        Ok(Some(Watch {
            command: expanded.unwrap_or_else(|_| step.command.clone()),
            paths: settings.watch.iter().map(Into::into).collect(),
            tables: settings.tables.clone(),
        }))
    }

    /// An image that lost its migrations must not start as if it had waited.
    pub(super) fn nothing_to_wait_for(&mut self, check_only: bool, reason: &str) {
        if check_only && matches!(self.config.migrate.provision, Provision::Nothing(_)) {
            self.cannot_tell(
                &format!(
                    "AUTORUN_MIGRATIONS is `wait`, and there is nothing to wait for: {reason}"
                ),
                "copy the migrations into this image, too, or set AUTORUN_MIGRATIONS=false",
            );
        }
    }

    fn cannot_tell(&mut self, reason: &str, hint: &str) -> String {
        self.problems.push(Problem::config(reason).hint(hint));
        reason.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use crate::{config::tests::Image, plan::plan};

    /// The migrate phase of a start, or everything that is wrong.
    fn migrate(variables: &[(&str, &str)]) -> String {
        let mut image = Image::new().env("APP_INIT_MIGRATE_COMMAND", "tool up ${NONE:-auto}");
        for (name, value) in variables {
            image = image.env(name, value);
        }
        match plan(&image.start("api -- serve")) {
            Ok(plan) => {
                let text = plan.text(&[], None);
                let line = text.lines().find(|line| line.starts_with("  migrate")).unwrap();
                line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
            }
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn a_wait_needs_something_to_wait_for() {
        let image = || Image::new().env("DATABASE_URL", "postgres://u@db/app");
        let waits = || image().env("AUTORUN_MIGRATIONS", "wait");
        let problems = plan(&waits().start("api -- serve")).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "AUTORUN_MIGRATIONS is `wait`, and there is nothing to wait for: \
             APP_INIT_MIGRATE_COMMAND is unset, and neither /migrations nor ./migrations is there"
        );
        for fine in [waits().env("APP_INIT_SKIP", "migrate"), image()] {
            assert!(plan(&fine.start("api -- serve")).is_ok());
        }
    }

    #[test]
    fn a_watch_needs_a_database_and_a_wait_needs_a_watch() {
        let url = ("DATABASE_URL", "postgres://u@db/app");
        let watch = ("APP_INIT_MIGRATE_WATCH", "a.ini, b");
        let wait = ("AUTORUN_MIGRATIONS", "wait");
        for (variables, said) in [
            (&[url][..], "tool up ${NONE:-auto}"),
            (&[url, ("APP_INIT_MIGRATE_WATCH", "a")], "unless a is unchanged"),
            (&[url, watch], "tool up ${NONE:-auto}, unless a.ini and b are unchanged"),
            (&[url, watch, wait], "until others have run tool up ${NONE:-auto}"),
            (
                &[url, wait],
                "AUTORUN_MIGRATIONS is `wait`, and nothing says whether a command has run",
            ),
            (&[watch], "APP_INIT_MIGRATE_WATCH: no database is known"),
        ] {
            let told = migrate(variables);
            assert!(told.contains(said), "{variables:?} gives {told}");
        }
    }
}
