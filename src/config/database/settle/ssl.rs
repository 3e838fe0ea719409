//! How TLS is to be spoken.

use std::path::PathBuf;

use super::{
    super::{ChannelBinding, Lookup, Problem, Roots, Ssl, SslMode, TlsVersions, draft::Draft},
    value_problem,
};

pub(super) fn ssl(draft: &Draft, variables: Lookup) -> Result<Ssl, Problem> {
    let mut mode = ssl_mode(draft)?;
    let roots = roots(draft, variables);
    if draft.value("sslrootcert") == Some("system") {
        // libpq refuses weaker modes with the system's roots; the stronger reading is safe.
        mode = if mode == SslMode::Disable { mode } else { SslMode::VerifyFull };
    }
    Ok(Ssl {
        mode,
        roots,
        identity: identity(draft, variables)?,
        versions: versions(draft)?,
        sni: sni(draft)?,
        direct: direct(draft, mode)?,
        channel_binding: channel_binding(draft)?,
    })
}

/// Certificate and key: the named files, else libpq's default ones if they are there. Without a key's
/// file of its own, the key may stand in the certificate's.
fn identity(draft: &Draft, variables: Lookup) -> Result<Option<(PathBuf, PathBuf)>, Problem> {
    let named = |keyword, default| {
        draft.value(keyword).map(PathBuf::from).or_else(|| default_file(default, variables))
    };
    let certificate = match draft.value("sslcertmode") {
        Some("disable") => None,
        None | Some("allow") => named("sslcert", "postgresql.crt"),
        Some(_) => return Err(value_problem(draft, "sslcertmode", "disable or allow")),
    };
    let key = named("sslkey", "postgresql.key").or_else(|| certificate.clone());
    Ok(certificate.zip(key))
}

/// A file of libpq's own directory (PostgreSQL manual, 34.19.2), if it is there.
fn default_file(name: &str, variables: Lookup) -> Option<PathBuf> {
    let path = PathBuf::from(variables("HOME")?).join(".postgresql").join(name);
    path.is_file().then_some(path)
}

/// Whether TLS 1.3 is named; what is below 1.2 is never spoken. Case does not matter to libpq.
fn is_13(draft: &Draft, keyword: &str) -> Result<Option<bool>, Problem> {
    let value = draft.value(keyword).map(str::to_ascii_lowercase);
    match value.as_deref() {
        None => Ok(None),
        Some("tlsv1.3") => Ok(Some(true)),
        Some("tlsv1" | "tlsv1.1" | "tlsv1.2") => Ok(Some(false)),
        Some(_) => Err(value_problem(draft, keyword, "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3")),
    }
}

fn versions(draft: &Draft) -> Result<TlsVersions, Problem> {
    let most = "ssl_max_protocol_version";
    match (is_13(draft, "ssl_min_protocol_version")?, is_13(draft, most)?) {
        (Some(true), Some(false)) => {
            let what = format!("`{most}` is below `ssl_min_protocol_version`");
            Err(Problem::new("url-value", draft.blame(most), what))
        }
        (Some(true), _) => Ok(TlsVersions::Only13),
        (_, Some(false)) => Ok(TlsVersions::Only12),
        _ => Ok(TlsVersions::All),
    }
}

fn sni(draft: &Draft) -> Result<bool, Problem> {
    match draft.value("sslsni") {
        None | Some("1") => Ok(true),
        Some("0") => Ok(false),
        Some(_) => Err(value_problem(draft, "sslsni", "0 or 1")),
    }
}

/// A root certificate file counts if it was named, or if libpq's default file is there.
fn roots(draft: &Draft, variables: Lookup) -> Roots {
    match draft.value("sslrootcert") {
        Some("system") => Roots::System,
        Some(path) => Roots::File(PathBuf::from(path)),
        None => default_file("root.crt", variables).map_or(Roots::System, Roots::File),
    }
}

/// ADO writes `VerifyFull`, node `no-verify`; blanks, case and dashes do not matter.
fn ssl_mode(draft: &Draft) -> Result<SslMode, Problem> {
    let value = draft.value("sslmode").unwrap_or_default();
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "disable" | "disabled" => Ok(SslMode::Disable),
        "allow" => Ok(SslMode::Allow),
        "" | "prefer" | "preferred" => Ok(SslMode::Prefer),
        "require" | "required" => Ok(SslMode::Require),
        "noverify" => Ok(SslMode::NoVerify),
        "verifyca" => Ok(SslMode::VerifyCa),
        "verifyfull" => Ok(SslMode::VerifyFull),
        _ => Err(value_problem(
            draft,
            "sslmode",
            "disable, allow, prefer, require, no-verify, verify-ca or verify-full",
        )),
    }
}

/// Direct TLS with a mode that would do without is refused, as by libpq (PostgreSQL 17 manual, 34.1.2).
fn direct(draft: &Draft, mode: SslMode) -> Result<bool, Problem> {
    let weak = matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer);
    match draft.value("sslnegotiation") {
        Some("direct") if weak => {
            let what = "`sslnegotiation=direct` needs an sslmode that demands TLS";
            Err(Problem::new("url-value", draft.blame("sslnegotiation"), what)
                .hint("add sslmode=require, verify-ca or verify-full"))
        }
        Some("direct") => Ok(true),
        None | Some("postgres") => Ok(false),
        Some(_) => Err(value_problem(draft, "sslnegotiation", "postgres or direct")),
    }
}

fn channel_binding(draft: &Draft) -> Result<ChannelBinding, Problem> {
    // Npgsql writes `Require`.
    let value = draft.value("channel_binding").map(str::to_ascii_lowercase);
    match value.as_deref() {
        None | Some("prefer") => Ok(ChannelBinding::Prefer),
        Some("disable") => Ok(ChannelBinding::Disable),
        Some("require") => Ok(ChannelBinding::Require),
        Some(_) => Err(value_problem(draft, "channel_binding", "disable, prefer or require")),
    }
}
