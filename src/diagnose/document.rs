//! docs/troubleshooting.md, made from the tables; a test keeps it true.

use super::{Class, addresses, table};
use crate::exit::Exit;

/// docs/troubleshooting.md, one anchor per id.
fn document() -> String {
    let mut text = String::from(DOCUMENT_HEAD);
    for row in table::ROWS {
        let class = match row.class {
            Class::Transient => "passes by itself: waited for until the timeout",
            Class::Grace => "somebody has to act: tolerated for `APP_INIT_WAIT_FATAL_GRACE`",
            Class::Fatal => "never passes: the start ends at once",
        };
        let (code, reason) = (row.exit.code(), row.exit.reason());
        let lines = [
            format!("\n## {}\n\n", row.id),
            format!("> {}\n\n", row.cause),
            format!("- {class}; exit code {code} (`{reason}`)\n"),
            format!("- {}\n", row.hint),
        ];
        text.extend(lines);
    }
    for (id, what, hint) in addresses::ADDRESSES {
        let end =
            format!("- never passes: the start ends at once; exit code {}\n", Exit::Config.code());
        text.extend([format!("\n## {id}\n\n> {what}\n\n"), end, format!("- {hint}\n")]);
    }
    text
}

/// Ids are literals, so that they can be searched for; here for those that no page explains.
#[test]
fn every_id_of_an_address_is_in_the_document() {
    let mut unknown = Vec::new();
    for source in [
        include_str!("../config/database/url.rs"),
        include_str!("../config/database/ado.rs"),
        include_str!("../config/database/draft.rs"),
        include_str!("../config/database/keywords.rs"),
        include_str!("../config/database/parameter.rs"),
        include_str!("../config/database/service.rs"),
        include_str!("../config/database/settle.rs"),
        include_str!("../config/database/settle/gaps.rs"),
        include_str!("../config/database/settle/hosts.rs"),
        include_str!("../config/database/settle/ssl.rs"),
        include_str!("../config/target.rs"),
        include_str!("../config/target/service.rs"),
    ] {
        let literals = source.split('"').filter(|text| {
            let kind = ["url-", "target-", "service-"].iter().any(|kind| text.starts_with(kind));
            kind && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        });
        unknown.extend(literals.filter(|id| !addresses::ADDRESSES.iter().any(|row| row.0 == *id)));
    }
    assert!(unknown.is_empty(), "not in src/diagnose/addresses.rs: {unknown:?}");
}

const DOCUMENT_HEAD: &str = "# Troubleshooting\n\nEvery reason why a target is not ready, and every mistake in its address, has an id, which ends the message and its hint in brackets. \
    Mistakes in other settings, and what migrations and steps end with, say all there is to say and have none.\n\
    This page lists all ids with what they mean and what to do.\nIt is made from `src/diagnose/table.rs` and `addresses.rs`; \
    `UPDATE_DOCS=1 cargo test the_document` writes it anew.\nWords in `{braces}` are replaced by the facts of the case.\n";

#[test]
fn the_document_is_made_from_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/troubleshooting.md");
    if option_env!("UPDATE_DOCS").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document(),
        "docs/troubleshooting.md is stale: UPDATE_DOCS=1 cargo test the_document"
    );
}
