//! What a handshake that failed means.

use rustls::{AlertDescription, CertificateError, Error};

use super::super::certificate::Distrust;
use crate::diagnose::{Row, table};

/// The row of a failed handshake, and what to say about it.
pub(crate) fn row(error: &Error) -> (&'static Row, String) {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<Distrust>() {
                Some(distrust) => (distrust.row, distrust.text.clone()),
                None => (&table::TLS_UNTRUSTED, "it is malformed".to_owned()),
            }
        }
        Error::AlertReceived(alert) if is_about_us(*alert) => {
            (&table::TLS_CLIENT, format!("the server sent the alert {alert:?}"))
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            (&table::TLS_FAILED, "the server speaks no version of TLS that we offer".to_owned())
        }
        Error::AlertReceived(alert) => {
            (&table::TLS_FAILED, format!("the server sent the alert {alert:?}"))
        }
        Error::InvalidMessage(_) => (&table::TLS_FAILED, "the answer is not TLS".to_owned()),
        Error::PeerIncompatible(_) => {
            (&table::TLS_FAILED, "no version or cipher in common".to_owned())
        }
        _ => (&table::TLS_FAILED, "the handshake was broken off".to_owned()),
    }
}

/// Alerts by which a server refuses a client's certificate or the lack of one (RFC 8446, 6.2).
fn is_about_us(alert: AlertDescription) -> bool {
    use AlertDescription::{
        BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, UnknownCA, UnsupportedCertificate,
    };
    matches!(
        alert,
        BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | UnknownCA
            | UnsupportedCertificate
    )
}
