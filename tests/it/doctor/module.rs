//! Python modules that are there or not, with a real Python, and that none of them is run.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use nix::{sys::signal::Signal, unistd::Pid};
use serde_json::Value;

use super::found;
use crate::support::{Init, pid1::is_gone, until};

/// Modules of the image's own; each says so if it is run.
fn image() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, more) in [
        ("tool.py", ""),
        ("etl/__init__.py", ""),
        ("etl/job.py", ""),
        ("moved/__init__.py", "__path__.append('etl')"),
        ("whole/__init__.py", ""),
        ("whole/__main__.py", ""),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("open('ran', 'w').close()\n{more}\n")).unwrap();
    }
    folder
}

/// What is said of the server's module: a level and a message.
fn said(image: &Path, command: &str, more: &[(&str, &str)]) -> Option<(&'static str, String)> {
    let init = Init::new(["doctor", "--json"])
        .current_dir(image)
        .env("APP_INIT_API_COMMAND", command)
        .env("HOME", image);
    let init = more.iter().fold(init, |init, (name, value)| init.env(name, value));
    let report: Value = serde_json::from_str(&init.run().stdout).unwrap();
    ["ok", "warning", "error"].into_iter().find_map(|level| {
        let line = found(&report, level).into_iter().find(|line| line.contains("module"))?;
        Some((level, line))
    })
}

#[test]
fn a_python_module_that_is_not_installed_is_told_and_none_is_run() {
    let image = image();
    for (command, name) in [
        ("python3 -m http.server 8000", "http.server"),
        ("python3 -u -m tool", "tool"),
        ("python3 -m etl.job --all", "etl.job"),
        ("python3 -m whole", "whole"),
    ] {
        let (level, line) = said(image.path(), command, &[]).expect(command);
        assert_eq!(level, "ok", "{command}: {line}");
        assert!(line.contains(&format!("the Python module `{name}` is there")), "{line}");
    }
    for (command, name) in [
        ("python3 -m alembicx upgrade head", "alembicx"),
        ("python3 -m alembicx.config", "alembicx"),
        ("python3 -m etl.nothing", "etl.nothing"),
        ("python3 -m etl", "etl.__main__"),
        // Isolated from the working directory.
        ("python3 -I -m tool", "tool"),
    ] {
        let (level, line) = said(image.path(), command, &[]).expect(command);
        assert_eq!(level, "error", "{command}: {line}");
        assert!(line.contains(&format!("the Python module `{name}` does not exist")), "{line}");
    }
    assert!(!image.path().join("ran").exists(), "a module was run");
}

#[test]
fn where_it_is_not_sure_nothing_is_said() {
    let image = image();
    for command in ["python3 -m moved.job", "python3 -m os.path", "env X=y python3 -m alembicx"] {
        assert_eq!(said(image.path(), command, &[]), None, "{command}");
    }
    let secret = said(image.path(), "python3 -m ${MODULE}", &[("MODULE", "s3cret")]).unwrap();
    assert!(secret.0 == "error" && !secret.1.contains("s3cret"), "{secret:?}");
}

#[test]
fn the_commands_own_environment_counts() {
    let (image, elsewhere) = (image(), tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("installed.py"), "").unwrap();
    let path = [("PYTHONPATH", elsewhere.path().to_str().unwrap())];
    let command = "python3 -m installed";
    assert_eq!(said(image.path(), command, &path).unwrap().0, "ok");
    assert_eq!(said(image.path(), command, &[]).unwrap().0, "error");
}

/// A Python that never answers is killed when its time is over, and when doctor is stopped.
#[test]
fn a_python_that_does_not_answer_holds_nobody_up() {
    for stop in [false, true] {
        let image = tempfile::tempdir().unwrap();
        let (python, pid) = (image.path().join("python3"), image.path().join("pid"));
        fs::write(&python, "#!/bin/sh\necho $$ > new && mv new pid\nexec sleep 600\n").unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        let init = Init::new(["doctor"])
            .current_dir(image.path())
            .env("APP_INIT_API_COMMAND", "./python3 -m tool")
            .start();
        let child = until("python runs", || fs::read_to_string(&pid).ok());
        if stop {
            init.signal(Signal::SIGTERM);
        }
        let finished = init.finish();
        assert_eq!(finished.code, if stop { 143 } else { 0 }, "{}", finished.stdout);
        assert!(!finished.stdout.contains("module"), "{}", finished.stdout);
        let child = Pid::from_raw(child.trim().parse().unwrap());
        until("python is killed", || is_gone(child).then_some(()));
    }
}
