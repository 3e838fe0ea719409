//! The tables in which migration tools keep what they have done, and a fingerprint of their rows.

use tokio_postgres::{Client, Error, SimpleQueryRow};

use super::verdict::Tables;
use crate::migrate::sql::{HIDDEN, column, identifier, literal, rows};

/// By tool: Alembic, Django, dbmate and golang-migrate and Rails and Ecto, Prisma, Knex and
/// Objection, node-pg-migrate, Sequelize and umzug, goose, Flyway and tern, EF Core, refinery,
/// sqlx, Diesel, Drizzle, `TypeORM` (`migrations`; Laravel's has the same name), `MikroORM`,
/// Liquibase, Phinx, Doctrine, yoyo, Atlas, Kysely, `SeaORM`, Bun, sql-migrate, Aerich, peewee,
/// `FluentMigrator`, `DbUp`, Postgrator, Play, Adonis, Ragtime, Yii, Directus, Payload, Doctrine's bundle
/// before 3, Sequel, Fluent, Pop, go-pg, Strapi, Micrate, `CakePHP`.
///
/// Tables that only hold a lock or are rewritten without a migration are left out on purpose.
const KNOWN: [&str; 48] = [
    "alembic_version",
    "django_migrations",
    "schema_migrations",
    "_prisma_migrations",
    "knex_migrations",
    "pgmigrations",
    "SequelizeMeta",
    "SequelizeData",
    "goose_db_version",
    "flyway_schema_history",
    "schema_version",
    "__EFMigrationsHistory",
    "refinery_schema_history",
    "_sqlx_migrations",
    "__diesel_schema_migrations",
    "__drizzle_migrations",
    "migrations",
    "typeorm_migrations",
    "mikro_orm_migrations",
    "databasechangelog",
    "phinxlog",
    "doctrine_migration_versions",
    "_yoyo_migration",
    "atlas_schema_revisions",
    "kysely_migration",
    "seaql_migrations",
    "bun_migrations",
    "gorp_migrations",
    "aerich",
    "migratehistory",
    "VersionInfo",
    "schemaversions",
    "schemaversion",
    "play_evolutions",
    "adonis_schema",
    "ragtime_migrations",
    "migration",
    "directus_migrations",
    "payload_migrations",
    "migration_versions",
    "schema_info",
    "_fluent_migrations",
    "schema_migration",
    "gopg_migrations",
    "strapi_migrations",
    "strapi_migrations_internal",
    "micrate_db_version",
    "cake_migrations",
];

/// Schemas that a tool uses by itself, whatever the search path says.
const OWN_SCHEMAS: [&str; 5] =
    ["drizzle", "atlas_schema_revisions", "graphile_migrate", "pgroll", "supabase_migrations"];

/// A table that may tell the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    /// Whether our role may read it, and sees its rows.
    pub(super) is_readable: bool,
    /// Row-level security hides its rows: it looks empty, whatever stands in it.
    pub(super) is_hidden: bool,
    /// Whether a tool of this connection would use it, or a setting names it.
    pub(super) is_expected: bool,
}

impl Table {
    /// A row of `find`.
    pub(super) fn of(row: &SimpleQueryRow) -> Self {
        let text = |index| column(row, index).unwrap_or_default();
        Self {
            schema: text(0),
            name: text(1),
            is_readable: text(2) == "t" && text(4) != "t",
            is_expected: text(3) == "t",
            is_hidden: text(4) == "t",
        }
    }

    /// As it is recorded.
    pub(super) fn key(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// One row: key and fingerprint. The order of rows and the session's settings do not count.
    fn fingerprint(&self) -> String {
        format!(
            "SELECT {}, pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(\
             pg_catalog.string_agg(app_init_text, E'\\n' ORDER BY app_init_text COLLATE \"C\"), ''), \
             'UTF8')), 'hex') FROM (SELECT app_init_row::text AS app_init_text FROM {} AS app_init_row) \
             AS app_init_rows",
            literal(&self.key()),
            self.quoted(),
        )
    }
}

/// Schema and name in `table` or `schema.table`, where each may stand in SQL's quotes (manual,
/// 4.1.1); without them it is as the catalogue has it, too. Without a schema that is empty.
fn parts(text: &str) -> (String, String) {
    let mut in_quotes = false;
    let dot = text.char_indices().find(|(_, letter)| {
        in_quotes ^= *letter == '"';
        *letter == '.' && !in_quotes
    });
    let (schema, name) = dot.map_or(("", text), |(at, _)| (&text[..at], &text[at + 1..]));
    (unquoted(schema), unquoted(name))
}

fn unquoted(name: &str) -> String {
    let inside = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    inside.map_or_else(|| name.to_owned(), |name| name.replace("\"\"", "\""))
}

/// Those of the tables named by the settings that are not there, or cannot be read.
pub(super) fn absent(named: &[String], tables: &[Table]) -> Vec<String> {
    let is_there = |text: &&String| {
        let (schema, name) = parts(text);
        let is_it =
            |table: &Table| table.name == name && (schema.is_empty() || table.schema == schema);
        tables.iter().any(|table| table.is_expected && table.is_readable && is_it(table))
    };
    named.iter().filter(|text| !is_there(text)).cloned().collect()
}

/// Finds version tables in any schema, by catalogue only. `named` from the settings, `table` or
/// `schema.table`, replaces the known names; without a schema the search path decides: the
/// session's, and the one that the connection string gives the tool (`?schema=app`).
pub(super) fn find(named: &[String], search_path: Option<&str>) -> String {
    let in_path = in_path(search_path.unwrap_or_default());
    let (wanted, expected) =
        if named.is_empty() { known(&in_path) } else { by_setting(named, &in_path) };
    format!(
        "SELECT n.nspname, c.relname, pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
         AND pg_catalog.has_table_privilege(c.oid, 'SELECT'), {expected}, {HIDDEN} \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname IN ({wanted}) \
         AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2"
    )
}

fn in_path(search_path: &str) -> String {
    let schemas = search_path.split(',').map(|name| name.trim().trim_matches('"'));
    // The empty name is nobody's and keeps the list from being empty, which would be no SQL.
    let schemas = list(schemas.chain([""]));
    format!("(n.nspname = ANY (pg_catalog.current_schemas(false)) OR n.nspname IN ({schemas}))")
}

fn known(in_path: &str) -> (String, String) {
    (list(KNOWN), format!("({in_path} OR n.nspname IN ({}))", list(OWN_SCHEMAS)))
}

fn by_setting(named: &[String], in_path: &str) -> (String, String) {
    let named: Vec<(String, String)> = named.iter().map(|text| parts(text)).collect();
    let one = |(schema, name): &(String, String)| {
        let place = if schema.is_empty() {
            in_path.to_owned()
        } else {
            format!("n.nspname = {}", literal(schema))
        };
        format!("(c.relname = {} AND {place})", literal(name))
    };
    let expected: Vec<String> = named.iter().map(one).collect();
    (list(named.iter().map(|(_, name)| name.as_str())), format!("({})", expected.join(" OR ")))
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(literal).collect::<Vec<_>>().join(", ")
}

/// Settings under which a row reads the same in every session, and a limit on waiting for a tool
/// that has locked its table; all of them end with the query. One row.
const SAME_FOR_ALL: &str = "SELECT pg_catalog.set_config('TimeZone', 'UTC', true), \
    pg_catalog.set_config('DateStyle', 'ISO, YMD', true), \
    pg_catalog.set_config('IntervalStyle', 'postgres', true), \
    pg_catalog.set_config('bytea_output', 'hex', true), \
    pg_catalog.set_config('extra_float_digits', '1', true), \
    pg_catalog.set_config('lock_timeout', '1000', true)";

/// The statements that read these tables' fingerprints; several in one query are one transaction.
pub(super) fn fingerprints<'a>(tables: impl IntoIterator<Item = &'a Table>) -> String {
    let all: Vec<String> = tables.into_iter().map(Table::fingerprint).collect();
    format!("{SAME_FOR_ALL}; {}", all.join("; "))
}

/// Reads the fingerprints of those tables.
pub(super) async fn read<'a>(
    client: &Client,
    tables: impl IntoIterator<Item = &'a Table>,
) -> Result<Tables, Error> {
    Ok(collected(&rows(client, &fingerprints(tables)).await?))
}

/// The fingerprints among other rows.
pub(super) fn collected(answer: &[SimpleQueryRow]) -> Tables {
    let pairs = answer.iter().filter(|row| row.len() == 2);
    pairs.filter_map(|row| Some((column(row, 0)?, column(row, 1)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_writes_them() {
        for (text, schema, name) in [
            ("versions", "", "versions"),
            ("app.Versions", "app", "Versions"),
            ("\"Versions\"", "", "Versions"),
            ("\"My App\".\"v\"", "My App", "v"),
            ("app.\"a.b\"", "app", "a.b"),
            ("\"a.b\"", "", "a.b"),
            ("\"a\"\"b\".c", "a\"b", "c"),
        ] {
            assert_eq!(parts(text), (schema.to_owned(), name.to_owned()), "{text}");
        }
    }
}
