//! What is said word for word. A person should want to read it.

pub(super) const TOP: &str = "\
init waits until the database is ready, migrates it exactly once, and runs your
server as a correct PID 1.

Usage: init [MODE] [OPTIONS] [-- CMD…]

Start
  api            wait; migrate, seed, etl as their switches say; serve (default)
  all            the same, and the etl always
  etl            wait, migrate, etl, exit
  migrate        wait, migrate, exit
  seed           wait, seed, exit; --force seeds again
  MODE           a mode of init.toml
  MODE -- CMD    with CMD as the server; -- --flag adds to the configured one

Look
  plan [MODE]    what would run, and why; touches nothing    --json
  config         every setting and where it comes from       --check
  doctor [MODE]  all that a start would need, looked at now  --json
  status         applied, pending, divergent migrations      --json --exit-code
  wait [TARGET…] only wait, then hand over to what follows --
  healthcheck    for HEALTHCHECK and probes, without curl    --live --ready

Everything else is handed over as it is, by the user the container was started
as, whatever APP_INIT_USER says: `docker run image bash` works.

Options
  -q, --quiet    only warnings and errors
  -v, --verbose  more; -vv for everything
  --SETTING …    any setting: APP_INIT_WAIT_TIMEOUT=30s is --wait-timeout 30s

More: init help env | modes | config | exit-codes | COMMAND | SETTING
      init completions SHELL, init version
";

pub(super) const MODES: &str = "\
A mode says which steps run, which of them are demanded, and what follows.

  mode     steps                      demanded  then
  api      wait, migrate, seed, etl   -         the server
  all      wait, migrate, seed, etl   etl       the server
  etl      wait, migrate              etl       exit
  migrate  wait                       migrate   exit
  seed     wait                       seed      exit

A step runs as its switch says (AUTORUN_MIGRATIONS, SEED_ON_START,
RUN_ETL_ON_STARTUP); a demanded one runs whatever its switch says, and it is an
error (78) if nobody configured it. `init seed` seeds once per database unless
SEED_ON_START is true or --force is given.

Modes of your own stand in init.toml:

  [modes.worker]
  steps  = [\"wait\"]          # without it: the steps of api
  always = []                # steps that are demanded
  exec   = [\"celery\", \"-A\", \"src.worker\", \"worker\"]   # without it: exit

The order is always dirs, user, wait, migrate, seed, then the others as listed.
`init plan MODE` shows what a mode would do here.
";

pub(super) const WAIT: &str = "\
Wait until every target is ready, then exit, or hand over to CMD.

Usage: init wait [TARGET…] [--timeout 30s] [-- CMD…]

  database                 the database of DATABASE_URL
  postgres://user@host/db  another one, in any dialect; ready means logged in
                           and answering, a port that accepts is not enough
  redis://:pw@host:6379/0  lets us in, has the database, answers PING
  rediss://…               the same with TLS
  http://host:80/path      answers 200 to 299
  https://…#status=200-399 the status that is wanted instead, or a range of them
  http://…#body=ready      the page must hold this text; both: #status=…&body=…
  tcp://host:5672          something accepts connections; or host:5672
  unix:///run/app.sock     the same on a socket
  file:///run/ready        exists
  dns://name               has an address

All are waited for at once. Without a target it waits for APP_INIT_WAIT_FOR, or
else for the database. Exit code 69 if a target was not ready in time, 77 if it
refused us, 78 if it is not what its address says; wrong passwords and missing
databases are tolerated for APP_INIT_WAIT_FATAL_GRACE.

Coming from dockerize or wait-for-it
  -wait tcp://db:5432         database, if that is what it is; or tcp://db:5432
  -wait http://api/health     http://api/health
  -timeout 60s CMD            --timeout 60s -- CMD
  -wait-retry-interval 1s     not needed: the pace follows the kind of failure
  -wait-http-header, -template, -stdout, -stderr: no counterpart
  wait-for-it.sh db:5432      db:5432; also for -h db -p 5432
  -t 30, -t 0                 --timeout 30s, --timeout forever
  -s, --strict                always so: CMD runs only if all are ready
  -q                          --quiet
";

pub(super) const PLAN: &str = "\
Show what a start would do here, and why; no network, no side effect.

Usage: init plan [MODE] [--json]
";

pub(super) const STATUS: &str = "\
Show applied, pending and divergent migrations, or whether a start would run the
migrate command and why, and who holds the lock.

Usage: init status [--json] [--exit-code]

With --exit-code it is an error (80) if a migration is pending or divergent, if
a start would run the command, or if nobody can tell as nothing is watched.
";

pub(super) const HEALTHCHECK: &str = "\
Say whether this container is ready, or alive. One line on stdout; 0 or 1.

Usage: init healthcheck [--ready | --live] [--url URL] [--timeout 3s]
                        [--expect-status 200-299]

  --ready   preparation is over and the URL answers as expected (the default)
  --live    passes while preparing, however long a migration takes, and while
            the supervised server runs; with --url the server must answer too

The URL is APP_INIT_HEALTHCHECK_URL: plain http, redirects are not followed.
Where the server took our place (exec hand-off) it decides about --live too.

  HEALTHCHECK --start-period=60s CMD [\"/init\", \"healthcheck\"]
";

pub(super) const DOCTOR: &str = "\
Look at everything a start would need, now, and report every finding at once.

Usage: init doctor [MODE] [--json]

  settings     mistakes, placeholders, quotes, line ends, required names
  files        migrations, seeds, watched paths, secrets, certificates
  programs     of every configured command, and the scripts they name
  directories  there, and writable by the user the server runs as
  network      each target: name, port, TLS, login
  database     version, rights, encoding, connection slots, clock, migrations
  container    process number, user, CPUs, memory

One try at each target; nothing is waited for and nothing is changed. The exit
code is that of the worst finding, as a start would end with it; warnings are 0.
";

pub(super) const ENV: &str = "\
Flag > variable or NAME_FILE > APP_INIT_ENV_FILE > init.toml > default.
APP_INIT_WAIT_TIMEOUT is --wait-timeout and, in init.toml, wait_timeout.
Durations: 500ms 30s 5m 1h forever. Lists: by commas or blanks.
Booleans: true yes on 1, false no off 0.
Secrets are no flags, because /proc shows flags: set DATABASE_URL or its _FILE.
A command may hold ${X}, expanded at each start. Dockerfile and compose expand
it themselves: write \\${X} in ENV, $${X} in a compose file.
";

pub(super) const CONFIG: &str = "\
`init config` prints all settings, their values and where they come from;
`init config --check` only says what is wrong: in the Dockerfile, it fails the
build on a mistake.

init.toml describes the image; the environment, which wins, the deployment.
It is /etc/app-init/init.toml, else ./init.toml, or what APP_INIT_CONFIG names.

  require = [\"DATABASE_URL\"]                # must be set and not empty
  dirs    = [\"/app/logs\"]                   # must exist and be writable

  [steps.migrate]                           # also wait, seed, etl
  run   = [\"alembic\", \"upgrade\", \"head\"]
  watch = [\"alembic/versions\"]

  [steps.etl]
  run        = [\"python\", \"-m\", \"etl\", \"${?GEOCODE:--geocode}\"]
  wait       = [\"tcp://nominatim:8080\"]     # only when the step will run
  timeout    = \"10m\"
  on_failure = \"continue\"

  [steps.assets]                            # your own step, with its switch
  run  = [\"rails\", \"assets:precompile\"]
  when = { env = \"PRECOMPILE_ON_BOOT\", default = false }

  [modes.api]
  exec = [\"uvicorn\", \"app:app\", \"--workers\", \"${UVICORN_WORKERS:-auto}\"]

Commands are words or lists; no shell is involved. Inside a word:
  ${X}  ${X:-default}  ${X:+if set}  ${X:?message}  ${?X:word if X is true}

Any setting is a key at the top level:
";

pub(super) const COMPLETIONS: &str = "\
Print the script that makes a shell complete modes, commands and options.

Usage: init completions bash | zsh | fish | elvish | powershell

  init completions bash > /etc/bash_completion.d/init
";
