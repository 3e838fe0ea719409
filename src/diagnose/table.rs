//! Every cause of failure between an address and a working connection.

use super::{
    Class::{Fatal, Grace, Transient},
    Pace::{Closed, Full, Lookup, Refused, Slow, Spent, Starting},
    Row,
};
use crate::exit::Exit::{Config, NoInput, NotReady, Refused as Denied};

/// Declares one static per row and the list of them all, so that none can be left out.
macro_rules! rows {
    ($($name:ident $id:literal $class:ident $pace:ident $exit:ident $rank:literal $cause:literal $hint:literal;)*) => {
        $(pub(crate) static $name: Row = Row {
            id: $id, class: $class, pace: $pace, exit: $exit, rank: $rank, cause: $cause, hint: $hint,
        };)*
        /// All rows in the order of docs/troubleshooting.md, which is made from them.
        #[cfg(test)]
        pub(crate) static ROWS: &[&Row] = &[$(&$name),*];
    };
}

rows! {
// Names
DNS_UNKNOWN "dns-unknown" Transient Lookup NotReady 10
    "the name `{host}` is not known"
    "is `{host}` spelled as the service is in compose or Kubernetes, on the same network and in the same namespace, and started? A compose name exists only while its container runs, and only on the networks of that container; asked: {text}";
DNS_NO_ADDRESS "dns-no-address" Transient Lookup NotReady 11
    "the name `{host}` has no address"
    "the name exists without an A or AAAA record: look at the service's endpoints, or use a name that has an address; asked: {text}";
DNS_FAILING "dns-failing" Transient Lookup NotReady 9
    "the name server cannot answer for `{host}`"
    "name resolution itself fails, not the name; asked: {text}; look at /etc/resolv.conf, at the cluster's DNS and at network policies for port 53";
DNS_SILENT "dns-silent" Transient Lookup NotReady 8
    "no name server answered for `{host}` within a second"
    "queries vanish; asked: {text}; look at /etc/resolv.conf, at the cluster's DNS and at network policies for port 53";

// Reaching the port
REFUSED_LOCALHOST "pg-refused-localhost" Transient Refused NotReady 21
    "connection refused"
    "inside a container `{host}` is that container itself: use the database's service name, or host.docker.internal for the machine; it is right only for a sidecar in the same pod";
REFUSED "pg-refused" Transient Refused NotReady 20
    "connection refused"
    "nothing listens on port {port} of {addresses}: is the server started, is the port the container's own and not the published one, and does listen_addresses allow others than localhost?";
UNREACHABLE "net-unreachable" Transient Closed NotReady 13
    "no route to the host"
    "there is no way to {addresses}: look at the network the container is attached to, at the peering and at whether IPv6 is available";
NO_ANSWER "no-answer" Transient Spent NotReady 1
    "no answer to the first try"
    "the time allowed was shorter than one try: raise APP_INIT_WAIT_TIMEOUT, and look at what answers there";
TIMEOUT "net-timeout" Transient Spent NotReady 12
    "the connection timed out"
    "packets to {addresses} port {port} vanish: look at firewalls, security groups, network policies and whether the address is still right";
NETWORK "net-error" Transient Closed NotReady 14
    "cannot connect: {text}"
    "the operating system refused the connection to {addresses} port {port}: look at its limits and at the network";
SOCKET_MISSING "pg-socket-missing" Transient Refused NotReady 20
    "the socket does not exist yet"
    "no server has made {host}/.s.PGSQL.{port}: is the server started, and is its directory shared with this container?";
SOCKET_DIRECTORY "pg-socket-directory" Grace Slow NotReady 20
    "the directory of the socket does not exist"
    "`{host}` is missing here: mount the volume with the server's socket, or use a host name instead";
SOCKET_PERMISSION "pg-socket-permission" Fatal Slow Denied 22
    "no permission for the socket"
    "the user this container runs as may not open {host}/.s.PGSQL.{port}: look at unix_socket_permissions and at the directory's mode";
CLOSED "pg-closed" Transient Closed NotReady 30
    "the connection was accepted and closed"
    "something accepts for the server: a port proxy, sidecar or load balancer whose backend is not up; inside one network use the container's own port";
SILENT "pg-silent" Transient Spent NotReady 31
    "the connection was accepted, but nothing is answered"
    "a stuck server, a port that expects TLS at once, or another protocol: look at the server's log and at the port";
NOT_POSTGRES "not-postgres" Grace Slow Config 50
    "what answers is not Postgres but {text}"
    "host or port of another service: Postgres usually listens on 5432";
PROTOCOL "pg-protocol" Grace Slow Config 51
    "the answer is not the Postgres protocol: {text}"
    "host or port of another service, or a proxy that speaks only a part of the protocol";

// Coming up and going down
STARTING "pg-starting" Transient Starting NotReady 60
    "the server is starting up"
    "normal for some seconds; minutes mean crash recovery or an archive that restore_command waits for: look at the server's log";
RECOVERING "pg-recovering" Transient Starting NotReady 61
    "the server is recovering"
    "it replays its log after a crash or from a backup; its own log says how far it is";
SHUTTING_DOWN "pg-shutting-down" Transient Starting NotReady 61
    "the server is shutting down"
    "a restart, or the end of the official image's first initialisation; if it stays, something stops the server";
STANDBY_CLOSED "pg-standby-closed" Grace Slow NotReady 70
    "a standby that accepts no connections"
    "hot standby is disabled there, so it never will: point the address at the primary";
CUT "pg-cut" Transient Closed NotReady 40
    "the server ended the session"
    "an administrator or a restart ended it; if it stays, look at the server's log";
INIT_PHASE "pg-init-phase" Transient Starting NotReady 62
    "the server listens on its socket only"
    "the official image runs such a server while it initialises and stops it afterwards; one that is meant to be socket-only sets listen_addresses in postgresql.conf, not on the command line, and counts after 3 s";
FULL "pg-full" Transient Full NotReady 65
    "the server has no free connection slot"
    "max_connections is used up: compare it with pool size times replicas, or put a pooler in front";
LIMIT "pg-limit" Transient Full NotReady 66
    "a connection limit is reached: {text}"
    "ALTER ROLE or ALTER DATABASE … CONNECTION LIMIT sets it; a limit of 0 never clears";
RESOURCES "pg-resources" Transient Full NotReady 64
    "the server lacks resources: {text}"
    "disk or memory of the server is used up: look at its log";
SERVER "pg-error" Transient Slow NotReady 63
    "the server reported: {text}"
    "look at the server's log at this moment";

// Being let in
PASSWORD "pg-password" Grace Slow Denied 90
    "the server rejected the password of `{user}`"
    "wrong password, unknown user or expired password (the server tells them alike); it comes from {origin}; POSTGRES_PASSWORD only counts when a volume is first initialised";
NO_PASSWORD "pg-no-password" Fatal Slow Config 91
    "the server wants a password and none is set"
    "put it into the address, set DATABASE_PASSWORD or DATABASE_PASSWORD_FILE, PGPASSWORD, or a password file";
NO_ROLE "pg-no-role" Grace Slow Denied 90
    "the role `{user}` does not exist"
    "create the role, or correct the user name, which comes from {origin}";
NO_LOGIN "pg-no-login" Grace Slow Denied 90
    "the role `{user}` may not log in"
    "ALTER ROLE … LOGIN, or use a role that may";
NO_RULE "pg-no-hba" Grace Slow Denied 89
    "no rule lets us in: {text}"
    "pg_hba.conf has no line for this user, database, address and encryption: add one";
NO_RULE_CLEAR "pg-hba-encryption" Grace Slow Denied 89
    "no rule lets us in without encryption: {text}"
    "the server may demand TLS: try sslmode=require; else pg_hba.conf needs a line for this user, database and address";
REJECTED "pg-rejected" Grace Slow Denied 89
    "the server refuses this login: {text}"
    "a rule of pg_hba.conf decides so: look at the line for this user, database and address";
CERTIFICATE_WANTED "pg-client-certificate" Grace Slow Denied 89
    "the server wants a certificate of ours: {text}"
    "set sslcert and sslkey to a certificate that the server's ssl_ca_file has signed, for cert authentication with the user's name as its common name; or mount it as ~/.postgresql/postgresql.crt and postgresql.key";
NO_DATABASE "pg-no-database" Grace Slow Denied 95
    "the database `{database}` does not exist"
    "create it, or correct the name, which comes from {origin}; POSTGRES_DB only counts when a volume is first initialised";
DATABASE_CLOSED "pg-database-closed" Grace Slow Denied 95
    "the database `{database}` lets nobody in: {text}"
    "GRANT CONNECT to the role, or ALTER DATABASE … ALLOW_CONNECTIONS true";
OPTION "pg-option" Fatal Slow Config 92
    "a start-up option is refused: {text}"
    "correct `options` in the address or PGOPTIONS";
AUTHENTICATION "pg-authentication" Fatal Slow Denied 88
    "the server wants an authentication that app-init does not have"
    "passwords (SCRAM, MD5, clear) and client certificates are supported, GSS and SSPI are not: add a rule for this user to pg_hba.conf";
CHANNEL_BINDING "pg-channel-binding" Fatal Slow Config 88
    "channel binding is required and not possible"
    "it needs TLS and a SCRAM password: use sslmode=require or more, or channel_binding=prefer";

// TLS
NO_TLS "tls-missing" Grace Slow Config 55
    "the server offers no TLS, but it is required"
    "switch it on at the server (ssl = on), or set sslmode=prefer where the network is trusted";
TLS_CUT "tls-cut" Transient Closed NotReady 41
    "the connection was closed during the TLS handshake"
    "a proxy without backend, or a server that is restarting";
TLS_UNTRUSTED "tls-untrusted" Fatal Slow Config 80
    "the server's certificate is not trusted: {text}"
    "give the authority that signed it as sslrootcert; where that is an intermediate one, the server has to send its certificate after its own (both in ssl_cert_file)";
TLS_NAME "tls-name" Fatal Slow Config 81
    "the server's certificate is for another name: {text}"
    "connect by a name that is in the certificate, or use sslmode=verify-ca";
TLS_TIME "tls-time" Fatal Slow Config 80
    "the server's certificate is not valid now: {text}"
    "renew the certificate, or set the clock right if it is not yet valid";
TLS_CLIENT "tls-client" Grace Slow Denied 82
    "the server does not accept our certificate: {text}"
    "set sslcert and sslkey to a certificate that the server's ssl_ca_file has signed; its log says what it lacks";
TLS_FILE "tls-file" Fatal Slow NoInput 56
    "cannot use a TLS file: {text}"
    "sslrootcert, sslcert and sslkey name PEM files inside the container; a key may be in DER form, too, and must not be encrypted";
TLS_FAILED "tls-failed" Grace Slow Config 57
    "the TLS handshake failed: {text}"
    "client and server agree on no version, cipher or certificate: app-init speaks TLS 1.2 and 1.3, or the one that ssl_min_protocol_version and ssl_max_protocol_version leave; look at the server's log";

// Role of the server
READ_ONLY "pg-read-only" Transient Starting NotReady 96
    "the server is read-only"
    "migrations and seeds need a primary: a failover is running, the address is a replica's, or default_transaction_read_only is stored for the database or the role";
WRONG_ROLE "pg-role" Transient Starting NotReady 96
    "the server is not what target_session_attrs asks for"
    "a failover is running, or the address leads to the other kind of server";

// Poolers
POOLER_SERVER "pooler-server" Transient Closed NotReady 58
    "the pooler is up, the server behind it is not: {text}"
    "the pooler answers in the server's place: look at the server and at what the pooler connects to; for migrations, MIGRATE_DATABASE_URL can name the server itself";
POOLER_FULL "pooler-full" Transient Full NotReady 59
    "the pooler takes no more clients"
    "max_client_conn is used up: compare it with pool size times replicas";
POOLER_DATABASE "pooler-database" Grace Slow Denied 93
    "the pooler does not know the database `{database}`"
    "add it to the pooler's [databases], or correct the name, which comes from {origin}";
POOLER_NO_DATABASE "pooler-no-database" Grace Slow Denied 95
    "the database behind the pooler's entry `{database}` is missing: {text}"
    "correct `dbname` of that entry in the pooler's [databases], or create the database there";
POOLER_LOGIN "pooler-login" Grace Slow Denied 87
    "the pooler rejected the login of `{user}`"
    "look at the pooler's auth_file or auth_query, and at the password of its entry in [databases] if it has one; ours comes from {origin}";
POOLER_CONFIG "pooler-config" Grace Slow Denied 87
    "the pooler's own settings keep us out: {text}"
    "the pooler's log says which: auth_query fails in the database where it is asked, or auth_user may not run it; auth_dbname is not in [databases]; auth_type=any, and the entry of `{database}` names no user; or an administrator gave DISABLE for a database";
POOLER_OPTION "pooler-option" Fatal Slow Config 92
    "the pooler refuses a start-up option: {text}"
    "take `options` out of the address, add the name to ignore_startup_parameters, or give the direct address as MIGRATE_DATABASE_URL";

// Targets that are not databases
TCP_REFUSED_LOCALHOST "tcp-refused-localhost" Transient Refused NotReady 21
    "connection refused"
    "inside a container `{host}` is that container itself: use the service's name, or host.docker.internal for the machine";
TCP_REFUSED "tcp-refused" Transient Refused NotReady 20
    "connection refused"
    "nothing listens on port {port} of {addresses}: is the service started, and is the port the container's own and not the published one?";
TARGET_CLOSED "target-closed" Transient Closed NotReady 30
    "the connection was closed before an answer"
    "something accepts for the service, such as a port proxy, but the service is not up; or the port expects TLS: https:// or rediss://";
TARGET_SILENT "target-silent" Transient Spent NotReady 31
    "the connection was accepted, but nothing is answered"
    "a stuck service, another protocol, or a port that expects TLS (https:// or rediss://) or does not (http:// or redis://)";
TARGET_UNTRUSTED "target-untrusted" Fatal Slow Config 80
    "the service's certificate is not trusted: {text}"
    "the authorities of this image decide: add the one that signed it (update-ca-certificates), or name its PEM file in SSL_CERT_FILE; the certificates of intermediate authorities have to be sent by the service";
TARGET_NAME "target-name" Fatal Slow Config 81
    "the service's certificate is for another name: {text}"
    "write the target with a name that is among the certificate's alternative names; its common name does not count";
TARGET_CLIENT "target-client" Grace Slow Denied 82
    "the service wants a certificate of ours: {text}"
    "app-init shows none to a service: wait for tcp://{host}:{port} instead, which proves only that it accepts";
TARGET_TLS "target-tls" Grace Slow Config 57
    "the TLS handshake failed: {text}"
    "does {host}:{port} speak TLS at all? Without it the address is http:// or redis://; else TLS 1.2 and 1.3 are offered, so look at the service's log";
UNIX_MISSING "unix-missing" Transient Refused NotReady 20
    "the socket does not exist yet"
    "no service has made {host}: is it started, and is the directory shared with this container?";
UNIX_REFUSED "unix-refused" Transient Refused NotReady 21
    "the socket exists, but nothing accepts on it"
    "a service that ended left {host} behind: is it started?";
FILE_MISSING "file-missing" Transient Refused NotReady 20
    "the file does not exist yet"
    "nothing has made {host}: is what makes it started, and is the directory shared with this container?";
HTTP_STATUS "http-status" Transient Closed NotReady 60
    "the answer has status {text}"
    "the service is up but not ready, or the path is wrong; another status can be expected with #status=200-399 after the address";
HTTP_BODY "http-body" Transient Closed NotReady 61
    "the answer lacks the expected text"
    "the service is up but not ready, or #body= after the address is wrong";
NOT_HTTP "not-http" Grace Slow Config 50
    "what answers is not HTTP but {text}"
    "host or port of another service; where the port expects TLS write https://";
REDIS_LOADING "redis-loading" Transient Starting NotReady 60
    "the data is still being loaded"
    "normal for some seconds; the time grows with the size of the data";
REDIS_LOGIN "redis-login" Grace Slow Denied 90
    "user or password was rejected"
    "write redis://user:password@host, or redis://:password@host for the default user, and look at requirepass and ACL users";
REDIS_PASSWORD "redis-no-password" Grace Slow Denied 90
    "a password is wanted and none is set"
    "write redis://:password@host";
REDIS_DATABASE "redis-database" Grace Slow Config 91
    "there is no database {text}"
    "the number after the host is too high (see `databases` in redis.conf), and a cluster has only 0";
REDIS_DENIED "redis-denied" Grace Slow Denied 89
    "the connection is refused: {text}"
    "protected mode lets nobody in from outside: set a password or bind; NOPERM means that the user may not PING";
REDIS_ERROR "redis-error" Transient Closed NotReady 62
    "it answered with the error {text}"
    "look at the log of Redis at this moment";
NOT_REDIS "not-redis" Grace Slow Config 50
    "what answers is not Redis but {text}"
    "host or port of another service; where the port expects TLS write rediss://";
}
