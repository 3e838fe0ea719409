//! Byte-level servers on plain threads: what a port proxy, a stuck server or another service does.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

/// A listener that treats every connection alike. Its thread ends with the test process.
pub(crate) struct Fake {
    pub(crate) port: u16,
    accepted: Arc<AtomicU32>,
}

impl Fake {
    /// Hands each accepted connection to `serve`, on a thread of its own.
    pub(crate) fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (accepted, serve) = (Arc::new(AtomicU32::new(0)), Arc::new(serve));
        let count = Arc::clone(&accepted);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { port, accepted }
    }

    /// Accepts and says nothing until the client leaves.
    pub(crate) fn silent() -> Self {
        Self::new(drain)
    }

    /// Answers that there is no TLS, and nothing more.
    pub(crate) fn silent_after_no() -> Self {
        Self::new(|mut stream| {
            if matches!(stream.read(&mut [0; 8]), Ok(8)) {
                drop(stream.write_all(b"N"));
            }
            drain(stream);
        })
    }

    /// Accepts and closes at once, as a port proxy without a backend does.
    pub(crate) fn closing() -> Self {
        Self::new(drop)
    }

    /// Closes the first `count` connections at once, and says nothing on those that follow.
    pub(crate) fn closing_then_silent(count: u32) -> Self {
        let closed = AtomicU32::new(0);
        Self::new(move |stream| {
            if closed.fetch_add(1, Ordering::Relaxed) >= count {
                drain(stream);
            }
        })
    }

    /// Hands on what is said to and by the server on that port, until a client's message has this
    /// text: from then on nobody hears of anybody, and no connection ends.
    pub(crate) fn falling_silent(port: u16, text: &'static str) -> Self {
        Self::between(port, move |bytes| if has(bytes, text) { Word::Last } else { Word::Plain })
    }

    /// The same, but then both connections end.
    pub(crate) fn hanging_up(port: u16, text: &'static str) -> Self {
        Self::between(port, move |bytes| if has(bytes, text) { Word::End } else { Word::Plain })
    }

    fn between(port: u16, word: impl Fn(&[u8]) -> Word + Send + Sync + 'static) -> Self {
        Self::new(move |mut client| {
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let silent = Arc::new(AtomicBool::new(false));
            let (mut back, heard) = (client.try_clone().unwrap(), Arc::clone(&silent));
            let (mut answers, cut) = (server.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                hand_on(&mut answers, &mut back, |_| !heard.load(Ordering::Relaxed));
            });
            hand_on(&mut client, &mut server, |bytes| match word(bytes) {
                Word::Plain => !silent.load(Ordering::Relaxed),
                Word::Last => {
                    silent.store(true, Ordering::Relaxed);
                    false
                }
                Word::End => {
                    drop(cut.shutdown(Shutdown::Both));
                    false
                }
            });
        })
    }

    /// Speaks first, as `MySQL`, SSH and mail servers do.
    pub(crate) fn greeting(bytes: &'static [u8]) -> Self {
        Self::new(move |mut stream| {
            drop(stream.write_all(bytes));
            drain(stream);
        })
    }

    /// Answers the first bytes it gets, whatever they are, and closes, as HTTP servers do.
    pub(crate) fn answering(bytes: &'static [u8]) -> Self {
        Self::new(move |mut stream| {
            let mut buffer = [0; 1024];
            drop(stream.read(&mut buffer));
            drop(stream.write_all(bytes));
        })
    }

    /// Answers at the end of a line only, as Redis does.
    pub(crate) fn line_based(bytes: &'static [u8]) -> Self {
        Self::new(move |mut stream| {
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                if buffer[..count].contains(&b'\n') {
                    drop(stream.write_all(bytes));
                }
            }
        })
    }

    /// Answers everything it gets with the same bytes, as long as the client asks.
    pub(crate) fn replying(bytes: &'static [u8]) -> Self {
        Self::new(move |mut stream| {
            let mut buffer = [0; 1024];
            while matches!(stream.read(&mut buffer), Ok(1..)) {
                drop(stream.write_all(bytes));
            }
        })
    }

    /// A Postgres without TLS that answers the start-up message with this error.
    pub(crate) fn refusing(
        code: &'static str,
        message: &'static str,
        detail: &'static str,
    ) -> Self {
        Self::new(move |mut stream| {
            let mut buffer = [0; 4096];
            loop {
                match stream.read(&mut buffer) {
                    Ok(8) => drop(stream.write_all(b"N")),
                    Ok(1..) => break,
                    _ => return,
                }
            }
            drop(stream.write_all(&error_response(code, message, detail)));
        })
    }

    /// A Postgres without TLS that asks for an authentication of this kind
    /// (`AuthenticationRequest`, manual, 55.7) and waits.
    pub(crate) fn asking(kind: u32, more: &'static [u8]) -> Self {
        Self::new(move |mut stream| {
            let mut buffer = [0; 4096];
            while matches!(stream.read(&mut buffer), Ok(8)) {
                drop(stream.write_all(b"N"));
            }
            let mut bytes = vec![b'R'];
            bytes.extend(u32::try_from(more.len() + 8).unwrap().to_be_bytes());
            bytes.extend(kind.to_be_bytes());
            bytes.extend(more);
            drop(stream.write_all(&bytes));
            drain(stream);
        })
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> u32 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://app:{}@127.0.0.1:{}/shop", super::CANARY, self.port)
    }
}

/// What a client's message does to what is between it and the server.
enum Word {
    Plain,
    /// The last that anybody hears.
    Last,
    End,
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Reads from one and writes to the other what `may` be handed on, until one of them leaves.
fn hand_on(from: &mut TcpStream, to: &mut TcpStream, may: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if may(&buffer[..count]) && to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}

/// Reads until the client leaves.
fn drain(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

/// `ErrorResponse` (PostgreSQL manual, 55.7 and 55.8).
fn error_response(code: &str, message: &str, detail: &str) -> Vec<u8> {
    let mut fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0");
    if !detail.is_empty() {
        fields.extend(["D", detail, "\0"]);
    }
    fields.push('\0');
    let mut bytes = vec![b'E'];
    bytes.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    bytes.extend(fields.as_bytes());
    bytes
}
