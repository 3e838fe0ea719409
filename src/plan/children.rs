//! The environment of each child: the same for all, but for the connection and what app-init tells.

use crate::{
    config::{Config, environment::Environment},
    process::identity::Identity,
};

/// Who a child is.
pub(super) enum Role<'a> {
    /// Migrate or seed: sees `MIGRATE_DATABASE_URL` as `DATABASE_URL`.
    Database(&'a str),
    Step(&'a str),
    Server,
}

/// Makes environments.
pub(super) struct Children<'a> {
    config: &'a Config,
    base: Environment,
}

impl<'a> Children<'a> {
    pub(super) fn new(config: &'a Config, mode: &str) -> Self {
        let mut base = config.environment.clone();
        base.set("APP_INIT_MODE", mode);
        base.set("APP_INIT_NPROC", config.nproc.to_string());
        base.remove("APP_INIT_STEP");
        base.remove("MIGRATE_DATABASE_URL");
        if let Some(user) = &config.user {
            become_user(&mut base, user);
        }
        Self { config, base }
    }

    pub(super) fn environment(&self, role: &Role<'_>) -> Environment {
        let mut environment = self.base.clone();
        match role {
            Role::Server => {}
            Role::Step(name) => environment.set("APP_INIT_STEP", name),
            Role::Database(name) => {
                environment.set("APP_INIT_STEP", name);
                if let Some(url) = self.config.migrate_url() {
                    environment.set("DATABASE_URL", url.expose());
                }
            }
        }
        environment
    }
}

/// What root left in the environment becomes the user's: HOME, also where it is unset; USER and
/// LOGNAME only where they name root. A HOME that somebody chose stays.
fn become_user(environment: &mut Environment, user: &Identity) {
    let home = environment.get("HOME").map(std::path::Path::new);
    if home.is_none_or(|home| home == user.root_home || home.as_os_str().is_empty()) {
        environment.set("HOME", user.home.as_os_str());
    }
    for variable in ["USER", "LOGNAME"] {
        match &user.name {
            _ if environment.text(variable) != Some("root") => {}
            Some(name) => environment.set(variable, name),
            None => environment.remove(variable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::identity::identify;

    #[test]
    fn only_what_root_left_becomes_the_user_s() {
        let passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/srv/app:/bin/sh";
        for (text, before, after) in [
            ("app", "HOME=/root USER=root LOGNAME=root", "HOME=/srv/app USER=app LOGNAME=app"),
            ("app", "A=b", "A=b HOME=/srv/app"),
            ("app", "HOME=/data USER=bob", "HOME=/data USER=bob"),
            ("2000", "HOME=/root USER=root", "HOME=/"),
            ("root", "HOME=/root", "HOME=/root"),
        ] {
            let pairs = before.split(' ').filter_map(|pair| pair.split_once('='));
            let mut environment =
                Environment::new(pairs.map(|(name, value)| (name.into(), value.into())));
            become_user(&mut environment, &identify(text, passwd, "").unwrap());
            let found: Vec<String> = environment
                .iter()
                .map(|(name, value)| format!("{}={}", name.display(), value.display()))
                .collect();
            assert_eq!(found.join(" "), after, "{text} with {before}");
        }
    }
}
