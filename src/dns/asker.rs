//! The dialogue with the name servers: all are asked at once, and again until one answers.

use std::{io, net::IpAddr, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    LookupError, any_port_towards,
    reply::{Question, Reply},
};

/// For how long a question is sent again; afterwards only its answer is waited for.
const REPEATED_FOR: Duration = Duration::from_secs(1);

/// How long the addresses of one family wait for those of the other (RFC 8305, 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// More than a datagram without EDNS holds (RFC 1035, 4.2.1: 512 bytes).
const DATAGRAM: usize = 4096;

type Outcome = Result<Vec<IpAddr>, LookupError>;

/// The first server that knows counts; one that fails only if all do.
pub(super) async fn ask_all(name: &str, servers: &[SocketAddr], repeat: Duration) -> Outcome {
    if let [server] = servers {
        return ask(name.to_owned(), *server, repeat).await;
    }
    let mut asked: JoinSet<Outcome> =
        servers.iter().map(|server| ask(name.to_owned(), *server, repeat)).collect();
    while let Some(outcome) = asked.join_next().await {
        match outcome {
            Ok(Err(LookupError::Failing)) | Err(_) => {}
            Ok(outcome) => return outcome,
        }
    }
    Err(LookupError::Failing)
}

async fn ask(name: String, server: SocketAddr, repeat: Duration) -> Outcome {
    let Some(questions) = Question::both(&name) else { return Err(LookupError::Unknown) };
    let dialogue = Dialogue { questions, answers: [None, None], enough: None };
    // Nobody listens there, no route: as little of an answer as a server's own failure.
    dialogue.hold(server, repeat).await.unwrap_or(Err(LookupError::Failing))
}

/// Both questions to one server.
struct Dialogue {
    questions: [Question; 2],
    answers: [Option<Outcome>; 2],
    /// When the addresses that are there are enough.
    enough: Option<Instant>,
}

impl Dialogue {
    async fn hold(mut self, server: SocketAddr, repeat: Duration) -> io::Result<Outcome> {
        let socket = UdpSocket::bind(any_port_towards(server.ip())).await?;
        socket.connect(server).await?;
        let last = Instant::now() + REPEATED_FOR;
        let mut again = interval(repeat);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes = [0; DATAGRAM];
        loop {
            if let Some(outcome) = self.outcome() {
                return Ok(outcome);
            }
            let enough = self.enough;
            tokio::select! {
                received = socket.recv(&mut bytes) => self.take(&bytes[..received?], server).await,
                tick = again.tick() => if tick < last { self.send(&socket).await? },
                () = sleep_until(enough.unwrap_or(last)), if enough.is_some() => {
                    return Ok(Ok(self.addresses()));
                }
            }
        }
    }

    /// What has no answer yet is asked.
    async fn send(&self, socket: &UdpSocket) -> io::Result<()> {
        for (question, answer) in self.questions.iter().zip(&self.answers) {
            if answer.is_none() {
                socket.send(&question.bytes).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, bytes: &[u8], server: SocketAddr) {
        for (question, answer) in self.questions.iter().zip(&mut self.answers) {
            match question.read(bytes) {
                Some(Reply::Said(outcome)) => *answer = Some(outcome),
                Some(Reply::Cut) => *answer = Some(ask_over_tcp(question, server).await),
                None => {}
            }
        }
        if self.answers.iter().flatten().any(Result::is_ok) && self.enough.is_none() {
            self.enough = Some(Instant::now() + RESOLUTION_DELAY);
        }
    }

    /// The end, once both are answered: addresses of either, else the more telling reason.
    fn outcome(&self) -> Option<Outcome> {
        let [Some(four), Some(six)] = &self.answers else { return None };
        Some(match (four, six) {
            (Err(one), Err(other)) => Err(*one.max(other)),
            _ => Ok(self.addresses()),
        })
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.answers.iter().flatten().flatten().flatten().copied().collect()
    }
}

async fn ask_over_tcp(question: &Question, server: SocketAddr) -> Outcome {
    let reply = exchange(&question.bytes, server).await;
    match reply.ok().and_then(|bytes| question.read(&bytes)) {
        Some(Reply::Said(outcome)) => outcome,
        _ => Err(LookupError::Failing),
    }
}

/// Each message has its length in front (RFC 1035, 4.2.2).
async fn exchange(question: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut reply = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}
