-- What each run of the ETL job did.
CREATE TABLE loads (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    source    text NOT NULL,
    handling  text NOT NULL CHECK (handling IN ('skip', 'replace')),
    read      bigint NOT NULL,
    inserted  bigint NOT NULL,
    replaced  bigint NOT NULL,
    skipped   bigint NOT NULL,
    CHECK (read = inserted + replaced + skipped)
);
