use std::fs;

use super::{files::version, *};

fn file(stem: &str, text: &str) -> Migration {
    let (number, name) = version(stem).unwrap();
    Migration {
        version: Version::Number(number),
        name,
        label: stem.into(),
        path: stem.into(),
        text: text.into(),
        any_order: false,
    }
}

#[test]
fn narrow_checksums_are_refinerys_own() {
    for (stem, text) in [
        ("V1__initial", "create table t();"),
        ("V2__empty", ""),
        ("U2147483647__last", "-- ü\r\n\u{feff}"),
    ] {
        let theirs = refinery_core::Migration::unapplied(stem, text).unwrap().checksum();
        assert_eq!(checksum(&file(stem, text), Width::Int4), theirs, "{stem}");
    }
}

/// What refinery 0.10 wrote for this file.
#[test]
fn the_width_of_the_version_is_part_of_the_checksum() {
    let text = include_str!("../../../../tests/fixtures/refinery/V1__create_users.sql");
    let migration = file("V1__create_users", text);
    assert_eq!(checksum(&migration, Width::Int4), 13_086_084_637_142_845_159);
    assert_ne!(checksum(&migration, Width::Int8), checksum(&migration, Width::Int4));
}

/// Printed by a program of its own that calls refinery-core 0.10.1 with the feature `int8-versions`
/// (`Migration::unapplied(name, text).checksum()`): a build has one width, and ours is the other.
#[test]
fn wide_checksums_are_those_of_refinerys_64_bit_build() {
    for (stem, text, theirs) in [
        ("V1__initial", "create table a (id int);\n", 3_277_943_103_127_822_032),
        ("V2__ünï_code", "select 'ä';\r\n", 9_220_949_296_277_723_527),
        ("U7__unordered", "", 14_618_827_587_062_951_739),
        ("V2147483648__wide", "select 1;", 11_526_771_292_452_877_999),
        ("V20240101000001__first", "create table t ();\n", 9_573_178_212_912_147_805),
        ("V9223372036854775807__last", "select 'end'", 5_700_022_402_248_756_661),
    ] {
        assert_eq!(checksum(&file(stem, text), Width::Int8), theirs, "{stem}");
    }
}

#[test]
fn names_are_read_as_refinery_reads_them_and_wider() {
    for (stem, expected) in [
        ("V1__a", Ok((1, "a"))),
        ("U007__b_c", Ok((7, "b_c"))),
        ("V20240101000001__x", Ok((20_240_101_000_001, "x"))),
        ("V1.2__x", Err("its version is no whole 64-bit number")),
        ("V99999999999999999999__x", Err("its version is no whole 64-bit number")),
        ("V1_x", Err("it has no version and name")),
    ] {
        let found = version(stem);
        let found = found.as_ref().map(|(number, name)| (*number, name.as_str()));
        assert_eq!(found, expected.as_ref().map(|found| *found), "{stem}");
    }
}

#[test]
fn a_folder_is_read_whole_and_every_mistake_named() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "select 1").unwrap();
    };
    let labels = || {
        scan(folder.path())
            .map(|found| found.into_iter().map(|file| file.label).collect::<Vec<_>>().join(" "))
            .map_err(|error| error.to_string().replace(&*folder.path().to_string_lossy(), "."))
    };
    for name in ["V10__b.sql", "V9__a.sql", "sub/U3__c.sql", "README.md", "notes.sql", "mod.rs"] {
        put(name);
    }
    assert_eq!(labels(), Ok("U3__c V9__a V10__b".into()));
    for name in
        ["V11_c.sql", "v12__d.sql", "V13__e-f.sql", "V14__g.rs", "V1.2__h.sql", "sub/V9__i.sql"]
    {
        put(name);
    }
    let problems = labels().unwrap_err();
    for part in [
        "V11_c.sql",
        "v12__d.sql",
        "V13__e-f.sql",
        "V14__g.rs",
        "V1.2__h.sql",
        "version 9 is used by ./V9__a.sql and ./sub/V9__i.sql",
    ] {
        assert!(problems.contains(part), "{part} in {problems}");
    }
}

#[test]
fn a_mounted_config_map_is_one_set_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let day = folder.path().join("..2026_11_20");
    fs::create_dir(&day).unwrap();
    fs::write(day.join("V1__a.sql"), "select 1").unwrap();
    std::os::unix::fs::symlink("..2026_11_20", folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/V1__a.sql", folder.path().join("V1__a.sql")).unwrap();
    let found = scan(folder.path()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, folder.path().canonicalize().unwrap().join("V1__a.sql"));
}

#[test]
fn what_stands_behind_a_link_to_a_folder_is_named() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let link = |target: &std::path::Path, name: &str| {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    };
    fs::create_dir_all(folder.path().join("deep/sub")).unwrap();
    fs::write(folder.path().join("deep/sub/V1__a.sql"), "select 1").unwrap();
    link(folder.path(), "round");
    link(&folder.path().join("deep/sub"), "same");
    assert_eq!(scan(folder.path()).unwrap().len(), 1, "it is found elsewhere, too");
    fs::write(other.path().join("V2__b.sql"), "select 1").unwrap();
    link(other.path(), "other");
    let problems = scan(folder.path()).unwrap_err().to_string();
    assert!(problems.contains("other/V2__b.sql` stands behind a link"), "{problems}");
}
