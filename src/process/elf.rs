//! The few bytes of an ELF header that explain a failed exec (elf(5)).

/// The architecture we are built for, in the words of `machine`.
pub(super) const OURS: &str = name(if cfg!(target_arch = "x86_64") {
    62
} else if cfg!(target_arch = "aarch64") {
    183
} else if cfg!(target_arch = "riscv64") {
    243
} else {
    0
});

const fn name(machine: u16) -> &'static str {
    match machine {
        3 => "x86 (32 bit)",
        20 | 21 => "PowerPC",
        22 => "s390x",
        40 => "ARM (32 bit)",
        62 => "x86-64",
        183 => "ARM64",
        243 => "RISC-V",
        _ => "another architecture",
    }
}

/// What a binary is built for; `None` if it is no ELF file.
pub(super) fn machine(head: &[u8]) -> Option<&'static str> {
    head.starts_with(b"\x7fELF").then_some(())?;
    Some(number(head, 18, 2).and_then(|machine| u16::try_from(machine).ok()).map_or(name(0), name))
}

/// The dynamic loader a binary asks for (`PT_INTERP`); `None` if static, or no 64-bit ELF file.
pub(super) fn loader(head: &[u8]) -> Option<String> {
    const PT_INTERP: usize = 3;
    head.starts_with(b"\x7fELF\x02").then_some(())?;
    let (table, size, count) = (number(head, 32, 8)?, number(head, 54, 2)?, number(head, 56, 2)?);
    let segment = (0..count)
        .map(|index| table + index * size)
        .find(|at| number(head, *at, 4) == Some(PT_INTERP))?;
    let start = number(head, segment + 8, 8)?;
    let path = head.get(start..)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// A number of `width` bytes at `at`, in the byte order that the header names.
fn number(head: &[u8], at: usize, width: usize) -> Option<usize> {
    const BIG_ENDIAN: u8 = 2;
    let bytes = head.get(at..at.checked_add(width)?)?;
    let join = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
    Some(match head.get(5)? {
        &BIG_ENDIAN => bytes.iter().fold(0, join),
        _ => bytes.iter().rev().fold(0, join),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_binary_is_read() {
        let head = std::fs::read("/proc/self/exe").unwrap();
        assert_eq!(machine(&head), Some(OURS));
        let loader = loader(&head[..4096]);
        assert!(loader.is_none_or(|path| path.starts_with('/')));
    }

    /// A header of 64 bit with one program header behind it, which asks for `/lib/ld`.
    fn header(machine: u16, big: bool) -> Vec<u8> {
        let mut head = b"\x7fELF\x02\x01".to_vec();
        head.resize(128, 0);
        head.extend(b"/lib/ld\0");
        let mut put = |at: usize, width: usize, value: u64| {
            let bytes = if big { value.to_be_bytes() } else { value.to_le_bytes() };
            let from = if big { 8 - width } else { 0 };
            head[at..at + width].copy_from_slice(&bytes[from..from + width]);
        };
        // e_machine, e_phoff, e_phentsize, e_phnum; p_type, p_offset (elf(5)).
        for (at, width, value) in [(18, 2, machine.into()), (32, 8, 64), (54, 2, 56), (56, 2, 1)] {
            put(at, width, value);
        }
        put(64, 4, 3);
        put(72, 8, 128);
        head[5] = if big { 2 } else { 1 };
        head
    }

    #[test]
    fn other_machines_are_named_and_their_loaders_found() {
        for (number, big, words) in [
            (62, false, "x86-64"),
            (183, false, "ARM64"),
            (243, false, "RISC-V"),
            (21, false, "PowerPC"),
            (21, true, "PowerPC"),
            (22, true, "s390x"),
            (258, false, "another architecture"),
        ] {
            let head = header(number, big);
            assert_eq!(machine(&head), Some(words), "{number}");
            assert_eq!(loader(&head).as_deref(), Some("/lib/ld"), "{number}");
        }
        let mut narrow = header(40, false);
        narrow[4] = 1;
        assert_eq!((machine(&narrow), loader(&narrow)), (Some("ARM (32 bit)"), None));
    }

    #[test]
    fn rubbish_is_no_binary() {
        for head in [&b""[..], b"\x7fEL", b"#!/bin/sh"] {
            assert_eq!((machine(head), loader(head)), (None, None));
        }
        assert_eq!(machine(b"\x7fELF"), Some("another architecture"));
        assert_eq!(loader(b"\x7fELF\x02\x01"), None);
    }
}
