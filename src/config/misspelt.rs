//! Variables that look like settings and are none: what was meant by each.

use strsim::damerau_levenshtein as distance;

use super::environment::Environment;
use crate::cli::{
    meant,
    settings::{self, EXPORTED, Kind, PREFIX, Setting},
};

/// A warning for each, in the order of the environment.
pub(crate) fn warnings(environment: &Environment) -> Vec<String> {
    let names = || environment.iter().filter_map(|(name, _)| name.to_str());
    let set = |setting: &Setting| {
        names().any(|name| {
            settings::find(name).or_else(|| settings::find(name.strip_suffix("_FILE")?))
                == Some(setting)
        })
    };
    names().filter(|name| !is_known(name)).filter_map(|name| warning(name, set)).collect()
}

/// Of an `X_FILE` that is still here `secret_files` has said what is wrong.
fn is_known(name: &str) -> bool {
    let known = |name: &str| settings::find(name).is_some() || EXPORTED.contains(&name);
    known(name) || name.strip_suffix("_FILE").is_some_and(known)
}

fn warning(name: &str, set: impl Fn(&Setting) -> bool) -> Option<String> {
    let meant = if name.starts_with(PREFIX) {
        Some(or_its_file(name, |name| meant(name).map(|setting| setting.name)))
    } else {
        let bare = |name: &str| bare(name).filter(|setting| !set(setting));
        or_its_file(name, |name| bare(name).map(|setting| setting.name)).map(Some)
    };
    let advice = meant?.map_or_else(String::new, |near| format!(": did you mean {near}?"));
    Some(format!("{name} is not a setting of app-init{advice}"))
}

/// What was meant by a name, or `X_FILE` by the file of one.
fn or_its_file(name: &str, meant: impl Fn(&str) -> Option<&'static str>) -> Option<String> {
    meant(name).map(str::to_owned).or_else(|| {
        let near = meant(name.strip_suffix("_FILE")?)?;
        Some(format!("{near}_FILE"))
    })
}

/// The bare setting of whose name this is a slip, and cannot be anybody else's.
fn bare(name: &str) -> Option<&'static Setting> {
    // None of ours has a number: it tells a second of the kind. Two `_` are how pydantic and .NET
    // write levels of their own settings.
    if name.contains(|c: char| c.is_ascii_digit()) || name.contains("__") || OTHERS.contains(&name)
    {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    settings::all()
        .filter(|setting| !setting.name.starts_with(PREFIX))
        .find(|setting| is_slip(&upper, setting))
}

/// Names of other programs, though only a letter off.
const OTHERS: [&str; 3] = ["DATABASE_URI", "DATABASE_URLS", "DATABASE_USERS"];

fn is_slip(name: &str, setting: &Setting) -> bool {
    let (wrong, words) = (distance(name, setting.name), words(name, setting.name));
    match setting.kind {
        // Nobody but us has names like these: `AUTO_RUN_MIGRATION`, `SEED_ON_STARTUP`.
        Kind::Switch(_) => wrong <= 2 && words.is_none_or(|pairs| pairs.into_iter().all(is_like)),
        // Everybody has some of these, and `DATABASEURL` is how Spring writes `database-url`.
        _ => wrong <= 1 && words.is_some(),
    }
}

/// The words of both, side by side; `None` if one has more.
fn words<'a>(one: &'a str, other: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let same = one.split('_').count() == other.split('_').count();
    same.then(|| one.split('_').zip(other.split('_')).collect())
}

/// Whether a word is another with a slip, and not another word: `SQL` is not `ETL`.
fn is_like((one, other): (&str, &str)) -> bool {
    distance(one, other) <= (one.len().max(other.len()) / 3).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[&str]) -> Vec<String> {
        let pair = |name: &&str| ((*name).into(), "x".into());
        warnings(&Environment::new(names.iter().map(pair)))
    }

    #[test]
    fn a_slip_in_a_bare_name_is_told() {
        for (name, meant) in [
            ("AUTORUN_MIGRATION", "AUTORUN_MIGRATIONS"),
            ("AUTO_RUN_MIGRATION", "AUTORUN_MIGRATIONS"),
            ("autorun_migrations", "AUTORUN_MIGRATIONS"),
            ("AUTORUN_MIRGATIONS_FILE", "AUTORUN_MIGRATIONS_FILE"),
            ("SEED_ON_STARTUP", "SEED_ON_START"),
            ("SEEDS_ON_START", "SEED_ON_START"),
            ("RUN_ETL_ON_START", "RUN_ETL_ON_STARTUP"),
            ("RUN_ELT_ON_STARTUP", "RUN_ETL_ON_STARTUP"),
            ("DATABSE_URL", "DATABASE_URL"),
            ("DATABASE_ULR", "DATABASE_URL"),
            ("DATABASE_PASWORD", "DATABASE_PASSWORD"),
            ("DATABSE_URL_FILE", "DATABASE_URL_FILE"),
            ("MIGRATE_DATABASES_URL", "MIGRATE_DATABASE_URL"),
        ] {
            let wanted = format!("{name} is not a setting of app-init: did you mean {meant}?");
            assert_eq!(told(&[name]), [wanted], "{name}");
        }
    }

    #[test]
    fn what_stands_behind_the_prefix_says_what_was_meant() {
        for (name, meant) in [
            ("APP_INIT_MOED", Some("APP_INIT_MODE")),
            ("APP_INIT_DATABASE_URL", Some("DATABASE_URL")),
            ("APP_INIT_AUTORUN_MIGRATION", Some("AUTORUN_MIGRATIONS")),
            ("APP_INIT_SEED_ON_START_FILE", Some("SEED_ON_START_FILE")),
            ("APP_INIT_FOO", None),
            ("APP_INIT_TAG_FILE", None),
        ] {
            let advice = meant.map_or_else(String::new, |meant| format!(": did you mean {meant}?"));
            let wanted = format!("{name} is not a setting of app-init{advice}");
            assert_eq!(told(&[name]), [wanted], "{name}");
        }
    }

    /// The application's own, however like a setting of ours.
    #[test]
    fn names_of_others_are_left_alone() {
        for name in [
            "DATABASE_URI",
            "DATABASE_URL_2",
            "DATABASE2_URL",
            "DATABASE__URL",
            "DATABASEURL",
            "DATABASE_SSL",
            "DATABASE_NAME",
            "DATABASE_PASSWD",
            "DATABASE_USERS",
            "DATABASE_USERNAME",
            "TEST_DATABASE_URL",
            "REDIRECT_URL",
            "DIRECT_URI",
            "RUN_SQL_ON_STARTUP",
            "SEED_ON_STAGE",
            "RUN_ON_STARTUP",
            "RUN_MIGRATIONS",
            "RUN_MIGRATIONS_ON_START",
            "AUTO_MIGRATE",
            "SEED_ON_DEPLOY",
            "MIGRATIONS",
        ] {
            assert_eq!(told(&[name]), [""; 0], "{name}");
        }
    }

    #[test]
    fn what_is_set_itself_was_not_misspelt() {
        for right in ["AUTORUN_MIGRATIONS", "AUTORUN_MIGRATIONS_FILE"] {
            assert_eq!(told(&["AUTORUN_MIGRATION", right]), [""; 0], "{right}");
        }
        assert_eq!(told(&["MIGRATE_DATABASE_URLS", "DIRECT_URL"]), [""; 0]);
    }
}
