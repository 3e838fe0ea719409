//! What is wrong with a server's certificate, in words: its issuer, its names, its dates, and the
//! roots that were asked. rustls says only which of these it was.

use std::{fmt, net::IpAddr, sync::Arc};

use rustls::{
    CertificateError, Error, OtherError,
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer},
};
use x509_cert::{
    Certificate, Version,
    der::{Decode, Encode, oid::db::rfc4519::CN},
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use crate::diagnose::{Row, table};

/// Why a certificate was refused; travels through rustls to `tls::row`.
#[derive(Debug)]
pub(super) struct Distrust {
    pub(super) row: &'static Row,
    pub(super) text: String,
}

impl fmt::Display for Distrust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl std::error::Error for Distrust {}

/// Whether a certificate holds this public key; one that cannot be read is the server's to judge.
///
/// rustls' own check refuses certificates of version 1, which `openssl x509 -req` makes unless told
/// otherwise and which servers accept.
pub(super) fn is_for(certificate: &CertificateDer, key: &SubjectPublicKeyInfoDer) -> bool {
    let Ok(parsed) = Certificate::from_der(certificate) else { return true };
    let held = parsed.tbs_certificate.subject_public_key_info.to_der();
    held.map_or(true, |held| held == key.as_ref())
}

/// Whether the common name is the host's, and counts: libpq looks at it where no alternative name is
/// of the host's own kind, DNS or IP (PostgreSQL manual, 34.19.1; fe-secure-openssl.c).
pub(super) fn is_commonly_named(certificate: &CertificateDer, host: &ServerName) -> bool {
    let Ok(parsed) = Certificate::from_der(certificate) else { return false };
    let host = host.to_str();
    let is_address = host.parse::<IpAddr>().is_ok();
    let same_kind = |name: &GeneralName| match name {
        GeneralName::DnsName(_) => !is_address,
        GeneralName::IpAddress(_) => is_address,
        _ => false,
    };
    let named = alternative_names(&parsed).iter().any(same_kind);
    !named && common_name(&parsed).is_some_and(|name| is_name_of(name, &host))
}

/// The first common name, if it is text.
fn common_name(certificate: &Certificate) -> Option<&str> {
    let mut parts = certificate.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let name = parts.find(|part| part.oid == CN)?;
    std::str::from_utf8(name.value.value()).ok()
}

/// Equal but for case; a `*` in front stands for one label (fe-secure-common.c).
fn is_name_of(pattern: &str, host: &str) -> bool {
    let below = || {
        let (parent, (label, rest)) = (pattern.strip_prefix("*.")?, host.split_once('.')?);
        Some(!label.is_empty() && !parent.is_empty() && rest.eq_ignore_ascii_case(parent))
    };
    pattern.eq_ignore_ascii_case(host) || below().unwrap_or(false)
}

/// The same refusal with its reason in words. `roots` is what was asked: a file's name, or the
/// system's; `sent` is what the server sent after its own. Errors that are not about the certificate stay as they are.
pub(super) fn explained(
    error: Error,
    certificate: &CertificateDer,
    sent: &[CertificateDer],
    roots: &str,
) -> Error {
    let Error::InvalidCertificate(problem) = error else { return error };
    let parsed = Certificate::from_der(certificate).ok();
    let (row, mut text) = explain(&problem, parsed.as_ref(), roots);
    let foreign = parsed.as_ref().is_some_and(|parsed| !is_self_signed(parsed));
    if matches!(problem, CertificateError::UnknownIssuer) && foreign && sent.is_empty() {
        text += ", and the server sent no certificate but its own";
    }
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Distrust { row, text }))))
}

const VERSION_1: &str = "it has X.509 version 1, which app-init does not verify: sign it anew with extensions, such as its names (`openssl x509 -req -extfile`)";

fn explain(
    problem: &CertificateError,
    certificate: Option<&Certificate>,
    roots: &str,
) -> (&'static Row, String) {
    let Some(certificate) = certificate else {
        return (&table::TLS_UNTRUSTED, "it is malformed".to_owned());
    };
    let fields = &certificate.tbs_certificate;
    let issuer = &fields.issuer;
    let self_signed = is_self_signed(certificate);
    match problem {
        // OpenSSL takes it; `openssl x509 -req` has long made such ones where it was given no extensions.
        CertificateError::BadEncoding
        | CertificateError::UnknownIssuer
        | CertificateError::Other(_)
            if fields.version == Version::V1 =>
        {
            (&table::TLS_UNTRUSTED, VERSION_1.to_owned())
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (&table::TLS_TIME, format!("it expired at {}", fields.validity.not_after))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (&table::TLS_TIME, format!("it begins at {}", fields.validity.not_before))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (&table::TLS_NAME, format!("it names {}", names(certificate)))
        }
        CertificateError::Revoked => (&table::TLS_UNTRUSTED, "it is revoked".to_owned()),
        CertificateError::BadEncoding => (&table::TLS_UNTRUSTED, "it is malformed".to_owned()),
        // Webpki's own errors, of which only `CaUsedAsEndEntity` is common.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if self_signed => (
            &table::TLS_UNTRUSTED,
            format!("it is self-signed by `{issuer}` and not itself in {roots}"),
        ),
        CertificateError::UnknownIssuer => {
            (&table::TLS_UNTRUSTED, format!("its issuer `{issuer}` is not in {roots}"))
        }
        _ => (
            &table::TLS_UNTRUSTED,
            format!("its chain from the issuer `{issuer}` does not verify against {roots}"),
        ),
    }
}

fn is_self_signed(certificate: &Certificate) -> bool {
    certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject
}

/// What a certificate names: the alternative names, or for want of any its subject.
fn names(certificate: &Certificate) -> String {
    let listed: Vec<String> = alternative_names(certificate).iter().filter_map(name).collect();
    if listed.is_empty() {
        format!("nothing but the subject `{}`", subject(certificate))
    } else {
        listed.join(", ")
    }
}

fn alternative_names(certificate: &Certificate) -> Vec<GeneralName> {
    let found = certificate.tbs_certificate.get::<SubjectAltName>().ok().flatten();
    found.map(|(_, list)| list.0).unwrap_or_default()
}

fn subject(certificate: &Certificate) -> String {
    certificate.tbs_certificate.subject.to_string()
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes() {
            bytes @ [_, _, _, _] => {
                <[u8; 4]>::try_from(bytes).ok().map(|b| IpAddr::from(b).to_string())
            }
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|b| IpAddr::from(b).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_name_of;

    #[test]
    fn a_star_stands_for_one_label() {
        for (pattern, host, same) in [
            ("db.example", "DB.example", true),
            ("*.example", "db.example", true),
            ("*.example", "a.db.example", false),
            ("*.example", "example", false),
            ("*", "db", false),
            ("d*.example", "db.example", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("db.example\0.evil", "db.example", false),
        ] {
            assert_eq!(is_name_of(pattern, host), same, "{pattern} {host}");
        }
    }
}
