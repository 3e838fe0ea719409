//! Who stands in the way, as a piece of SQL: sessions, and prepared transactions, which have none.

use super::sql::literal;

/// A session `b`, for people.
const SESSION: &str = "pg_catalog.concat_ws(', ', 'pid ' || b.pid, nullif(b.application_name, ''), \
    'from ' || pg_catalog.host(b.client_addr), b.state)";
/// A prepared transaction `x`, for people.
const PREPARED: &str =
    "'the prepared transaction ' || pg_catalog.quote_literal(x.gid) || ' of ' || x.owner";
/// That a lock `h` belongs to the prepared transaction `x`: both have the number of the session that
/// prepared it, or after a restart of the server another, under which `x` is locked, too.
const ITS_LOCK: &str = "h.pid IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_locks t \
    WHERE t.pid IS NULL AND t.locktype = 'transactionid' AND t.granted \
    AND t.transactionid = x.transaction AND t.virtualtransaction = h.virtualtransaction)";

/// An expression: whom the process waits for; NULL if for nobody. Prepared transactions have the
/// process number 0 (PostgreSQL manual, `pg_blocking_pids`).
pub(super) fn of_process(pid: &str) -> String {
    format!(
        "nullif(pg_catalog.concat_ws(' and ', \
         (SELECT pg_catalog.string_agg({SESSION}, ' and ') FROM pg_catalog.pg_stat_activity b \
         WHERE b.pid = ANY (pg_catalog.pg_blocking_pids({pid}))), \
         (SELECT pg_catalog.string_agg(DISTINCT {PREPARED}, ' and ') FROM pg_catalog.pg_locks w \
         JOIN pg_catalog.pg_locks h ON h.granted AND {COLUMNS_OF_H} IS NOT DISTINCT FROM {COLUMNS_OF_W} \
         JOIN pg_catalog.pg_prepared_xacts x ON {ITS_LOCK} WHERE w.pid = {pid} AND NOT w.granted)), '')"
    )
}

const COLUMNS_OF_H: &str = "ROW(h.locktype, h.database, h.relation, h.page, h.tuple, \
    h.transactionid, h.classid, h.objid, h.objsubid)";
const COLUMNS_OF_W: &str = "ROW(w.locktype, w.database, w.relation, w.page, w.tuple, \
    w.transactionid, w.classid, w.objid, w.objsubid)";

/// A query: who keeps everybody from reading that table, or waits to; NULL if nobody does any more.
pub(super) fn of_readers(table: &str) -> String {
    of_table(table, "'AccessExclusiveLock'")
}

/// The same for writing to it (manual, 13.3.1).
pub(super) fn of_writers(table: &str) -> String {
    of_table(table, "'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'")
}

fn of_table(table: &str, modes: &str) -> String {
    format!(
        "SELECT pg_catalog.string_agg(coalesce({PREPARED}, {SESSION}), ' and ') \
         FROM pg_catalog.pg_locks h LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = h.pid \
         LEFT JOIN pg_catalog.pg_prepared_xacts x ON {ITS_LOCK} \
         WHERE h.locktype = 'relation' AND h.mode IN ({modes}) \
         AND h.relation = pg_catalog.to_regclass({}) \
         AND h.database = (SELECT d.oid FROM pg_catalog.pg_database d \
         WHERE d.datname = pg_catalog.current_database())",
        literal(table)
    )
}
