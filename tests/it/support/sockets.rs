//! TCP connections over IPv4 as the kernel shows them in /proc/net/tcp.

use std::fs;

/// One end of a connection.
pub(crate) struct End {
    own: u16,
    peer: u16,
    /// Bytes that its process has not read yet.
    pub(crate) unread: u32,
    /// Whether the other side has closed, which counts as a byte, too.
    pub(crate) is_closed: bool,
}

/// The ends of a server at this port; also of connections that only the kernel has accepted so far.
pub(crate) fn of_server(port: u16) -> impl Iterator<Item = End> {
    ends().into_iter().filter(move |end| end.own == port)
}

/// The ends of its clients.
pub(crate) fn of_clients(port: u16) -> impl Iterator<Item = End> {
    ends().into_iter().filter(move |end| end.peer == port)
}

fn ends() -> Vec<End> {
    fs::read_to_string("/proc/net/tcp").unwrap().lines().skip(1).filter_map(end).collect()
}

/// `sl local_address rem_address st tx_queue:rx_queue …`, all in hexadecimal digits.
fn end(line: &str) -> Option<End> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let port = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
    let queues = words.get(4)?.split_once(':')?;
    // 01 is established, 08 waits for its own process to close.
    let is_closed = words[3] == "08";
    (is_closed || words[3] == "01").then_some(())?;
    let unread = u32::from_str_radix(queues.1, 16).ok()?;
    Some(End { own: port(words[1])?, peer: port(words[2])?, unread, is_closed })
}
