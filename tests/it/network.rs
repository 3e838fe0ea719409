//! Name servers that are silent or broken, packets that vanish, and a stop signal in every part of a
//! try: in a network namespace of its own where this machine lets us have one (as root).

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{fd::AsFd, unix::fs::PermissionsExt},
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
};

use nix::{sys::signal::Signal, unistd::Pid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::support::{CANARY, Init, Running, fake::Fake, init::binary, pid1, unproved, until};

/// What the fake name server does with a question.
const SILENT: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
/// Knows the name, and no address of it.
const NODATA: u8 = 100;
/// Answers 127.0.0.1, where nothing listens.
const KNOWN: u8 = 200;
/// The same, and never a word about IPv6.
const HALF: u8 = 201;
/// The same over TCP; a datagram is said to be too small.
const CUT: u8 = 202;

/// A name server on 127.0.0.1:53 of a namespace; its answers can be changed while it runs.
struct Names {
    answer: Arc<AtomicU8>,
    asked: Arc<AtomicU32>,
}

/// `init wait TARGET` with a network of its own: loopback, a fake name server, and the address
/// 10.99.0.2, from which nothing ever comes back.
struct Cut {
    init: Running,
    names: Names,
    _directory: tempfile::TempDir,
}

/// Makes the network, says so, and becomes `init` once the name server is there.
const SCRIPT: &str = r#"set -e
ip link set lo up
ip link add v0 type veth peer name v1
ip address add 10.99.0.1/24 dev v0
ip link set v0 up
ip link set v1 up
ip neighbour add 10.99.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent
mount --bind "$1/resolv.conf" /etc/resolv.conf
: > "$1/made"
while [ ! -e "$1/go" ]; do sleep 0.02; done
shift
exec "$@""#;

/// Whether this machine lets us have namespaces with a network device; told if not.
fn possible() -> bool {
    let tried = Command::new("unshare")
        .args(["--mount", "--net", "sh", "-c", "ip link add v0 type veth peer name v1"])
        .output();
    let possible = tried.is_ok_and(|output| output.status.success());
    if !possible {
        unproved("no network namespace with a device here");
    }
    possible
}

impl Cut {
    /// `before` wraps the binary inside the namespace, as `unshare --pid` does.
    fn off(before: &[&str], target: &str, answer: u8) -> Option<Self> {
        if !possible() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = directory.path().to_str().unwrap();
        fs::write(directory.path().join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        let binary = binary();
        let words = ["unshare", "--mount", "--net", "sh", "-c", SCRIPT, "sh", place];
        let words = words.iter().chain(before).copied();
        let init = Init::wrapped(words)
            .arg(binary)
            .arg("wait")
            .arg(target)
            .env("APP_INIT_WAIT_TIMEOUT", "forever")
            .current_dir(directory.path())
            .start();
        until("the network is made", || {
            let said = init.output();
            assert_eq!(said, "--- stdout\n--- stderr\n", "the network cannot be made");
            directory.path().join("made").exists().then_some(())
        });
        let names = Names::inside(init.pid(), answer);
        fs::write(directory.path().join("go"), "").unwrap();
        Some(Self { init, names, _directory: directory })
    }
}

impl Names {
    /// A thread enters the process' network to bind the socket; the socket stays there.
    fn inside(pid: Pid, answer: u8) -> Self {
        let answer = Arc::new(AtomicU8::new(answer));
        let asked = Arc::new(AtomicU32::new(0));
        let (mode, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let (ready, bound) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let network = fs::File::open(PathBuf::from(format!("/proc/{pid}/ns/net"))).unwrap();
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
            let listener = TcpListener::bind("127.0.0.1:53").unwrap();
            std::thread::spawn(move || {
                listener.incoming().flatten().for_each(|peer| serve(peer).unwrap());
            });
            ready.send(()).unwrap();
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                count.fetch_add(1, Ordering::Relaxed);
                if let Some(reply) = reply(&question[..length], mode.load(Ordering::Relaxed)) {
                    drop(socket.send_to(&reply, from));
                }
            }
        });
        bound.recv().unwrap();
        Self { answer, asked }
    }

    fn become_(&self, answer: u8) {
        self.answer.store(answer, Ordering::Relaxed);
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// Answers one question over TCP: lengths in front (RFC 1035, 4.2.2).
fn serve(mut peer: TcpStream) -> std::io::Result<()> {
    let mut length = [0; 2];
    peer.read_exact(&mut length)?;
    let mut question = vec![0; u16::from_be_bytes(length).into()];
    peer.read_exact(&mut question)?;
    let reply = reply(&question, KNOWN).unwrap();
    let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
    peer.write_all(&[&length[..], &reply].concat())
}

/// A DNS reply (RFC 1035, 4.1): the question again, a code, and one address for a question of type A.
fn reply(question: &[u8], mode: u8) -> Option<Vec<u8>> {
    if mode == SILENT {
        return None;
    }
    let end = 12 + question[12..].iter().position(|byte| *byte == 0)? + 5;
    let wants_a = question.get(end - 4..end - 2)? == [0, 1];
    if mode == HALF && !wants_a {
        return None;
    }
    let answers = u8::from([KNOWN, HALF].contains(&mode) && wants_a);
    let code = if mode >= NODATA { 0 } else { mode };
    let cut = if mode == CUT { 2 } else { 0 };
    let mut bytes = question[..2].to_vec();
    bytes.extend([0x81 | cut, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    bytes.extend(&question[12..end]);
    if answers == 1 {
        // The name of the question, type A, class IN, no time to live, four bytes.
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(bytes)
}

fn named() -> String {
    format!("postgres://app:{CANARY}@db.example:5432/shop")
}

#[test]
fn a_name_that_appears_is_noticed_whatever_the_name_server_did_before() {
    for (before, id) in [
        (SILENT, "[dns-silent]"),
        (SERVFAIL, "[dns-failing]"),
        (NXDOMAIN, "[dns-unknown]"),
        (NODATA, "[dns-no-address]"),
    ] {
        let Some(cut) = Cut::off(&[], &named(), before) else { return };
        cut.init.expect_line(id);
        // Asked again and again, while earlier questions to a silent one still hang.
        let asked = cut.names.asked();
        until("asked again", || (cut.names.asked() > asked + 4).then_some(()));
        cut.names.become_(KNOWN);
        cut.init.expect_line("connection refused");
        cut.init.signal(Signal::SIGTERM);
        assert_eq!(cut.init.exit_code(), 143, "{id}");
    }
}

#[test]
fn half_an_answer_and_one_that_needs_tcp_are_answers() {
    for answer in [HALF, CUT] {
        let Some(cut) = Cut::off(&[], &named(), answer) else { return };
        cut.init.expect_line("connection refused");
        cut.init.signal(Signal::SIGTERM);
        assert_eq!(cut.init.exit_code(), 143, "{answer}");
    }
}

#[test]
fn a_name_nobody_knows_is_explained_by_its_spelling_and_by_who_was_asked() {
    let Some(cut) = Cut::off(&[], "tcp://my_db.example:5432", NXDOMAIN) else { return };
    let hint = cut.init.expect_line("hint: ");
    for words in ["`_` is no character of a host name", "asked: 127.0.0.1, no search domain"] {
        assert!(hint.contains(words), "{words}: {hint}");
    }
    assert!(hint.ends_with("[dns-unknown]"), "{hint}");
    cut.names.become_(SERVFAIL);
    cut.init.expect_line("hint: name resolution itself fails, not the name; asked: 127.0.0.1");
}

#[test]
fn an_answer_is_used_again_while_the_port_refuses() {
    let Some(cut) = Cut::off(&[], &named(), KNOWN) else { return };
    cut.init.expect_line("connection refused");
    cut.names.become_(SERVFAIL);
    cut.init.expect_line("[dns-failing]");
    cut.names.become_(KNOWN);
    cut.init.signal(Signal::SIGTERM);
    assert_eq!(cut.init.exit_code(), 143);
}

#[test]
fn packets_that_vanish_are_told() {
    let url = format!("postgres://app:{CANARY}@10.99.0.2/shop");
    let Some(cut) = Cut::off(&[], &url, SILENT) else { return };
    let line = cut.init.expect_line("[net-timeout]");
    assert!(line.contains("timed out"), "{line}");
}

#[test]
fn a_stop_signal_ends_every_part_of_a_try_as_pid_1() {
    let before = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"];
    let vanishing = format!("postgres://app:{CANARY}@10.99.0.2/shop");
    for (target, answer) in [(named(), SILENT), (vanishing, SILENT)] {
        let Some(cut) = Cut::off(&before, &target, answer) else { return };
        // The shell in front starts children too, which have its words until they execute their own.
        let is_first = |pid: &Pid| pid1::status(*pid, "NSpid").ends_with("\t1");
        let pid =
            until("PID 1 is there", || pid1::children(cut.init.pid()).into_iter().find(is_first));
        if answer == SILENT && target == named() {
            until("the name is asked for", || (cut.names.asked() > 0).then_some(()));
        } else {
            until("a packet is sent", || {
                let sockets = fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
                // SYN_SENT to 10.99.0.2 (proc_net_tcp: addresses in host order).
                sockets.contains("0200630A:1538 02").then_some(())
            });
        }
        nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(cut.init.exit_code(), 143, "{target}");
    }
}

/// What a server does before it falls silent.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// It answers nothing.
    Asked,
    /// It has TLS, and reads the first message of the handshake.
    Handshake,
    /// It reads the start-up message.
    Login,
    /// It lets everybody in and reads the query.
    Query,
}

/// A server that goes as far as this stage, and how often one has come there.
fn silent_at(stage: Stage) -> (Fake, Arc<AtomicU32>) {
    let reached = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&reached);
    let fake = Fake::new(move |mut stream| {
        let mut bytes = [0; 4096];
        let answers: &[&[u8]] = match stage {
            Stage::Asked => &[],
            Stage::Handshake => &[b"S"],
            Stage::Login => &[b"N"],
            // AuthenticationOk and ReadyForQuery (PostgreSQL manual, 55.7).
            Stage::Query => &[b"N", b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"],
        };
        for answer in answers {
            if !matches!(stream.read(&mut bytes), Ok(1..)) {
                return;
            }
            drop(stream.write_all(answer));
        }
        while matches!(stream.read(&mut bytes), Ok(1..)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (fake, reached)
}

#[test]
fn a_stop_signal_ends_a_handshake_a_login_and_a_query_as_pid_1() {
    for stage in [Stage::Asked, Stage::Handshake, Stage::Login, Stage::Query] {
        let (fake, reached) = silent_at(stage);
        let mode = if matches!(stage, Stage::Handshake) { "require" } else { "prefer" };
        let url = format!("{}?sslmode={mode}&connect_timeout=600", fake.url());
        let init = pid1::pid1(["wait"])
            .env("DATABASE_URL", url)
            .env("APP_INIT_WAIT_TIMEOUT", "forever")
            .start();
        until("the stage is reached", || (reached.load(Ordering::Relaxed) > 0).then_some(()));
        nix::sys::signal::kill(init.init_pid(), Signal::SIGTERM).unwrap();
        assert_eq!(init.exit_code(), 143, "{stage:?}");
    }
}

/// A query that is never answered is bounded too, and is tried again.
#[test]
fn a_server_that_never_answers_the_query_is_not_ready() {
    let (fake, reached) = silent_at(Stage::Query);
    let init = Init::new(["wait"]).env("DATABASE_URL", fake.url());
    let init = init.env("APP_INIT_WAIT_TIMEOUT", "forever").start();
    init.expect_line("[pg-silent]");
    until("it is tried again", || (reached.load(Ordering::Relaxed) > 1).then_some(()));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.exit_code(), 143);
}
