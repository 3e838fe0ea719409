//! Questions and replies of the domain name system (RFC 1035, 4.1), for addresses only.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    net::IpAddr,
};

use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, RCODE, TYPE, rdata::RData};

use super::LookupError;

/// One question: its bytes, and what makes a reply the one to it.
pub(super) struct Question {
    pub(super) bytes: Vec<u8>,
    id: u16,
    kind: TYPE,
}

/// What a reply says.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    Said(Result<Vec<IpAddr>, LookupError>),
    /// It did not fit into a datagram: ask over TCP (RFC 7766, 5).
    Cut,
}

impl Question {
    /// For the IPv4 and for the IPv6 addresses. `None`: no name server can be asked for such a name.
    pub(super) fn both(name: &str) -> Option<[Self; 2]> {
        // The library would take these for other names.
        if name.split('.').any(str::is_empty) || name.contains('\\') {
            return None;
        }
        Some([Self::new(name, TYPE::A)?, Self::new(name, TYPE::AAAA)?])
    }

    fn new(name: &str, kind: TYPE) -> Option<Self> {
        let id = unforeseeable();
        let mut packet = Packet::new_query(id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let (name, kind_asked) = (Name::new(name).ok()?, QTYPE::TYPE(kind));
        packet.questions.push(simple_dns::Question::new(
            name,
            kind_asked,
            QCLASS::CLASS(CLASS::IN),
            false,
        ));
        Some(Self { bytes: packet.build_bytes_vec().ok()?, id, kind })
    }

    /// What these bytes answer. `None`: they are not the reply to this question.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Reply> {
        // Header and question are looked at even where the rest cannot be read.
        let header = bytes.get(..12)?;
        let (id, is_reply) = (u16::from_be_bytes([header[0], header[1]]), header[2] & 0x80 != 0);
        if id != self.id || !is_reply || !self.is_quoted(&bytes[12..]) {
            return None;
        }
        Some(Packet::parse(bytes).map_or(Reply::Said(Err(LookupError::Failing)), |packet| {
            let is_cut = packet.has_flags(PacketFlag::TRUNCATION);
            if is_cut { Reply::Cut } else { Reply::Said(self.addresses(&packet)) }
        }))
    }

    /// Servers repeat the question; some change the case of the name.
    fn is_quoted(&self, bytes: &[u8]) -> bool {
        let asked = &self.bytes[12..];
        // A reply that only complains may leave it out.
        bytes.is_empty()
            || bytes.get(..asked.len()).is_some_and(|quoted| quoted.eq_ignore_ascii_case(asked))
    }

    fn addresses(&self, packet: &Packet<'_>) -> Result<Vec<IpAddr>, LookupError> {
        match packet.rcode() {
            RCODE::NoError => {}
            RCODE::NameError => return Err(LookupError::Unknown),
            _ => return Err(LookupError::Failing),
        }
        let found: Vec<IpAddr> =
            packet.answers.iter().filter_map(|record| self.address(&record.rdata)).collect();
        if found.is_empty() { Err(LookupError::NoAddress) } else { Ok(found) }
    }

    /// The address in a record of the kind that was asked for; aliases on the way to it have none.
    fn address(&self, record: &RData<'_>) -> Option<IpAddr> {
        match record {
            RData::A(record) if self.kind == TYPE::A => Some(IpAddr::V4(record.address.into())),
            RData::AAAA(record) if self.kind == TYPE::AAAA => {
                Some(IpAddr::V6(record.address.into()))
            }
            _ => None,
        }
    }
}

/// A number that nobody else can foresee: the keys of a hash map are random (RFC 5452, 9.2).
fn unforeseeable() -> u16 {
    let bytes = RandomState::new().build_hasher().finish().to_ne_bytes();
    u16::from_ne_bytes([bytes[0], bytes[1]])
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use simple_dns::{ResourceRecord, rdata};

    use super::*;

    fn asked() -> Question {
        Question::new("db.example", TYPE::A).unwrap()
    }

    /// The reply to a question, as it is or changed.
    fn reply(question: &Question, change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
        let mut packet = Packet::parse(&question.bytes).unwrap().into_reply();
        packet.questions = Packet::parse(&question.bytes).unwrap().questions;
        change(&mut packet);
        packet.build_bytes_vec().unwrap()
    }

    fn record(name: &'static str, rdata: RData<'static>) -> ResourceRecord<'static> {
        ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 0, rdata)
    }

    #[test]
    fn addresses_are_found_behind_aliases() {
        let question = asked();
        let bytes = reply(&question, |packet| {
            let alias = Name::new_unchecked("other.example");
            packet.answers.push(record("db.example", RData::CNAME(alias.into())));
            for last in [7, 8] {
                let address = Ipv4Addr::new(10, 0, 0, last);
                packet.answers.push(record("other.example", RData::A(address.into())));
            }
            let six = rdata::AAAA { address: 1 };
            packet.answers.push(record("other.example", RData::AAAA(six)));
        });
        let addresses = ["10.0.0.7", "10.0.0.8"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(question.read(&bytes), Some(Reply::Said(Ok(addresses))));
    }

    #[test]
    fn each_code_has_its_meaning() {
        let question = asked();
        for (code, error) in [
            (RCODE::NoError, LookupError::NoAddress),
            (RCODE::NameError, LookupError::Unknown),
            (RCODE::ServerFailure, LookupError::Failing),
            (RCODE::Refused, LookupError::Failing),
        ] {
            let bytes = reply(&question, |packet| *packet.rcode_mut() = code);
            assert_eq!(question.read(&bytes), Some(Reply::Said(Err(error))), "{code:?}");
        }
        let cut = reply(&question, |packet| packet.set_flags(PacketFlag::TRUNCATION));
        assert_eq!(question.read(&cut), Some(Reply::Cut));
    }

    #[test]
    fn what_is_not_the_reply_is_passed_over() {
        let question = asked();
        let right = reply(&question, |_| {});
        let other = reply(&Question::new("xx.example", TYPE::A).unwrap(), |_| {});
        let mut forged = other.clone();
        forged[..2].copy_from_slice(&right[..2]);
        let own = question.bytes.clone();
        for bytes in [&other[..], &forged, &own, &right[..11], b""] {
            assert_eq!(question.read(bytes), None, "{bytes:?}");
        }
        let shouted: Vec<u8> = right.to_ascii_uppercase();
        assert!(question.read(&[&right[..12], &shouted[12..]].concat()).is_some());
        // Records that cannot be read are a failure of the server, and no panic.
        let mut broken = right.clone();
        broken[7] = 9;
        assert_eq!(question.read(&broken), Some(Reply::Said(Err(LookupError::Failing))));
    }

    #[test]
    fn names_that_no_server_can_have_are_not_asked_for() {
        for name in ["a..b", "", r"a\.b"] {
            assert!(Question::both(name).is_none(), "{name}");
        }
        assert!(Question::both(&"x".repeat(64)).is_none());
        assert!(Question::both("my_db").is_some());
    }
}
