//! Addresses in numbers. Pure.

use std::net::{IpAddr, Ipv4Addr};

/// The address that a host name is: in the usual forms, or in the old ones of `inet_aton(3)`, which
/// getaddrinfo(3) takes, too, and with it libpq: `127.1`, `2130706433`, `0x7f.1`.
pub(crate) fn address(name: &str) -> Option<IpAddr> {
    name.parse().ok().or_else(|| old(name).map(IpAddr::V4))
}

/// One to four numbers; the last one fills what is left of the four bytes.
fn old(name: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u32> = name.split('.').map(number).collect::<Option<_>>()?;
    let (last, bytes) = numbers.split_last().filter(|(_, bytes)| bytes.len() < 4)?;
    let rest = u32::MAX.checked_shr(8 * u32::try_from(bytes.len()).ok()?)?;
    if *last > rest || bytes.iter().any(|byte| *byte > 0xFF) {
        return None;
    }
    let shifted = bytes.iter().zip([24, 16, 8]).map(|(byte, shift)| byte << shift);
    Some(Ipv4Addr::from(shifted.fold(*last, |all, byte| all | byte)))
}

/// As in C: `0x` is in front of a hexadecimal number, `0` of an octal one.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix('0') {
        None | Some("") => (text, 10),
        Some(rest) => match rest.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (rest, 8),
        },
    };
    // `from_str_radix` takes a sign, and C does not here.
    let plain = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_c_library_does() {
        for (name, read) in [
            ("10.0.0.5", "10.0.0.5"),
            ("::1", "::1"),
            ("127.1", "127.0.0.1"),
            ("10.1.258", "10.1.1.2"),
            ("2130706433", "127.0.0.1"),
            ("4294967295", "255.255.255.255"),
            ("0", "0.0.0.0"),
            ("0x7f.1", "127.0.0.1"),
            ("010.0.0.8", "8.0.0.8"),
            ("0XA.0x0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(address(name).map(|it| it.to_string()).as_deref(), Some(read), "{name}");
        }
        for name in [
            "",
            ".",
            "db",
            "127.",
            ".1",
            "1..2",
            "127.0.0.1.",
            "1.2.3.4.5",
            "256.1",
            "1.2.65536",
            "4294967296",
            "08.1",
            "0x",
            "0xg",
            "+1",
            "1.-1",
            "1 ",
            "10.0.0.256",
        ] {
            assert_eq!(address(name), None, "{name:?}");
        }
    }
}
