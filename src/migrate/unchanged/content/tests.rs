//! What counts of files and command lines, and what does not.

use std::os::unix::fs::symlink;

use super::*;
use crate::config::command::CommandLine;

fn read(words: &[&str], paths: &[&Path]) -> Content {
    let command = CommandLine::verbatim(words.iter().map(Into::into).collect());
    let paths = paths.iter().map(|path| path.to_path_buf()).collect();
    content(&Watch { command, paths, tables: Vec::new() }).unwrap()
}

fn of(words: &[&str], paths: &[&Path]) -> String {
    read(words, paths).hash
}

#[test]
fn names_and_contents_count_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("versions/deep")).unwrap();
    fs::write(at("versions/1.py"), "source").unwrap();
    fs::write(at("versions/deep/1.py"), "one").unwrap();
    fs::write(at("alembic.ini"), "ini").unwrap();
    let now = || of(&["alembic"], &[&at("versions"), &at("alembic.ini")]);
    let first = now();
    assert_eq!(first.len(), 64);

    fs::create_dir_all(at("versions/__pycache__")).unwrap();
    fs::write(at("versions/__pycache__/1.cpython-311.pyc"), "code").unwrap();
    fs::write(at("versions/__pycache__/1.cpython-311.opt-1.pyc.139"), "half-written").unwrap();
    fs::write(at("versions/1.pyc"), "code").unwrap();
    fs::write(at("versions/..data"), "2026").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(at("alembic.ini"), mode).unwrap();
    File::open(at("alembic.ini")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(now(), first, "caches, versions of a mount, modes and times do not count");

    let mut seen = vec![first];
    let mut differs = |what: &str| {
        let next = now();
        assert!(!seen.contains(&next), "{what} counts");
        seen.push(next);
    };
    fs::write(at("versions/deep/1.py"), "two").unwrap();
    differs("a content");
    fs::rename(at("versions/deep/1.py"), at("versions/deep/2.py")).unwrap();
    differs("a name");
    fs::create_dir(at("versions/empty")).unwrap();
    differs("an empty folder");
    fs::rename(at("versions/deep/2.py"), at("versions/2.py")).unwrap();
    differs("a place");
}

#[test]
fn compiled_files_without_a_source_count() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("__pycache__")).unwrap();
    fs::write(at("1.pyc"), "one").unwrap();
    let mut seen = Vec::new();
    for name in ["2.pyc", "__pycache__/3.cpython-311.pyc", "__pycache__/4.cpython-311.opt-1.pyc"] {
        seen.push(of(&["x"], &[place.path()]));
        fs::write(at(name), "code").unwrap();
        assert!(!seen.contains(&of(&["x"], &[place.path()])), "{name}");
    }
}

#[test]
fn an_image_with_one_more_migration_has_all_names_of_the_one_before() {
    let place = tempfile::tempdir().unwrap();
    let names = || read(&["x"], &[place.path()]).names;
    fs::write(place.path().join("1.sql"), "one").unwrap();
    symlink("nowhere", place.path().join("link")).unwrap();
    let before = names();
    assert_eq!(before.len(), 3, "the folder, the file and the link");
    fs::write(place.path().join("1.sql"), "another content").unwrap();
    assert_eq!(names(), before);
    fs::write(place.path().join("2.sql"), "two").unwrap();
    assert!(names().is_superset(&before) && names().len() == 4);
    fs::remove_file(place.path().join("1.sql")).unwrap();
    assert!(!names().is_superset(&before));
}

#[test]
fn links_count_as_what_they_point_at() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("f")).unwrap();
    fs::write(at("f/a"), "text").unwrap();
    let plain = of(&["x"], &[&at("f")]);
    fs::rename(at("f/a"), at("elsewhere")).unwrap();
    symlink(at("elsewhere"), at("f/a")).unwrap();
    assert_eq!(of(&["x"], &[&at("f")]), plain);
    symlink(at("f"), at("f/round")).unwrap();
    symlink("nowhere", at("f/dangling")).unwrap();
    assert_ne!(of(&["x"], &[&at("f")]), plain, "and none is followed for ever");
}

#[test]
fn no_two_command_lines_look_alike() {
    assert_ne!(of(&["a", "b"], &[]), of(&["ab"], &[]));
    assert_ne!(of(&["a"], &[]), of(&["a", ""], &[]));
}

#[test]
fn a_missing_path_is_named() {
    let command = CommandLine::verbatim(vec!["x".into()]);
    let watch = Watch { command, paths: vec!["/no/such".into()], tables: Vec::new() };
    let error = content(&watch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the watched path `/no/such`: no such file or directory"
    );
    assert_eq!(crate::failure::Failure::exit(&error).code(), 66);
}

#[test]
fn what_is_likely_wrong_with_a_path_is_told() {
    for (path, told) in [
        ("mig/*.py", "has no patterns: watch the folder itself"),
        ("mig", "need quotes; this one is looked for in `/app`"),
        ("/mig", "in a name need quotes"),
    ] {
        let hint = hint(Path::new(path), Some(Path::new("/app")));
        assert!(hint.ends_with(told), "{path}: {hint}");
    }
}
