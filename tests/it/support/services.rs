//! Real services in front of or beside Postgres: pgbouncer, Redis, nginx. They are no part of what a
//! user needs: where one is missing, its test says so and proves nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::unistd::Uid;

use super::{free_port, unproved, until};

/// A service on a port of its own. Killed when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) port: u16,
    pub(crate) directory: tempfile::TempDir,
}

/// Where a program is; `None`, told on stderr, if it is not installed (scripts/test.sh installs it).
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let usual = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let all = std::env::split_paths(&path).chain(usual);
    let program = all.map(|directory| directory.join(name)).find(|path| path.is_file());
    if program.is_none() {
        unproved(&format!("{name} is not installed"));
    }
    program
}

impl Service {
    /// A pgbouncer whose `[databases]` and further settings are given; it answers when this returns.
    pub(crate) fn pgbouncer(databases: &str, settings: &str, users: &str) -> Option<Self> {
        let program = found("pgbouncer")?;
        let (directory, port) = (open_directory(), free_port());
        fs::write(directory.path().join("users"), users).unwrap();
        let user = if Uid::effective().is_root() { "user = nobody" } else { "" };
        let file = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n{databases}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_file = {}\n{user}\n{settings}\n",
            directory.path().join("users").display()
        );
        fs::write(&file, text).unwrap();
        Some(Self::started(Command::new(program).arg(&file), port, directory))
    }

    /// A Redis with further arguments.
    pub(crate) fn redis(arguments: &[&str]) -> Option<Self> {
        let program = found("redis-server")?;
        let (directory, port) = (open_directory(), free_port());
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(arguments).current_dir(directory.path());
        Some(Self::started(&mut command, port, directory))
    }

    /// An nginx that serves HTTP; its `location`s are given.
    pub(crate) fn nginx(locations: &str) -> Option<Self> {
        Self::nginx_on(|port| format!("listen 127.0.0.1:{port};"), locations)
    }

    /// The same over TLS, on three addresses.
    pub(crate) fn nginx_tls(certificate: &Path, key: &Path, locations: &str) -> Option<Self> {
        let listen = |port| {
            let hosts = ["127.0.0.1", "127.0.0.8", "127.0.0.9"];
            hosts.map(|host| format!("listen {host}:{port} ssl;")).concat()
        };
        let (certificate, key) = (certificate.display(), key.display());
        let files = format!("ssl_certificate {certificate}; ssl_certificate_key {key};");
        Self::nginx_on(listen, &format!("{files} {locations}"))
    }

    fn nginx_on(listen: impl Fn(u16) -> String, locations: &str) -> Option<Self> {
        let port = free_port();
        let place = open_directory();
        let path = place.path().display();
        let blocks = format!(
            "http {{ access_log off; client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f; uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;\n\
             server {{ {} {locations} }} }}",
            listen(port)
        );
        Self::nginx_with(&blocks, port, place)
    }

    /// An nginx that accepts for the server at the port `behind` and passes everything on.
    pub(crate) fn proxy(behind: u16) -> Option<Self> {
        let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
        if !Path::new(module).exists() {
            unproved("nginx has no stream module");
            return None;
        }
        let port = free_port();
        let blocks = format!(
            "stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{behind}; }} }}"
        );
        let loaded = format!("load_module {module};\n{blocks}");
        Self::nginx_with(&loaded, port, open_directory())
    }

    fn nginx_with(blocks: &str, port: u16, directory: tempfile::TempDir) -> Option<Self> {
        let program = found("nginx")?;
        let user = if Uid::effective().is_root() { "user nobody nogroup;" } else { "" };
        let place = directory.path();
        let text = format!(
            "{blocks}\n{user} daemon off; pid {}/pid; error_log stderr; events {{}}\n",
            place.display()
        );
        let file = place.join("nginx.conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).arg("-p").arg(place);
        Some(Self::started(&mut command, port, directory))
    }

    fn started(command: &mut Command, port: u16, directory: tempfile::TempDir) -> Self {
        let log = fs::File::create(directory.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let service = Self { child, port, directory };
        until("the service listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        service
    }

    /// A file of the service's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Politely first: nginx stops its workers only then.
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        drop(self.child.wait());
    }
}

/// A directory that a service which gives up root can read.
fn open_directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("app-init-svc").tempdir().unwrap();
    let path: &Path = directory.path();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    directory
}
