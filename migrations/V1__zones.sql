-- One row per time zone of zone1970.tab: places whose clocks have agreed since 1970.
CREATE TABLE zones (
    name      text PRIMARY KEY,           -- 'Europe/Zurich', as in the TZ variable
    area      text NOT NULL GENERATED ALWAYS AS (split_part(name, '/', 1)) STORED,
    latitude  double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    comments  text                        -- tells the zones of one country apart; NULL if it has one
);

-- A zone covers one country or several; the most populous comes first.
CREATE TABLE zone_countries (
    zone     text NOT NULL REFERENCES zones (name) ON DELETE CASCADE,
    country  text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    position smallint NOT NULL,
    PRIMARY KEY (zone, country)
);

-- Reference data, filled by examples/seeds. Zones do not point at them by foreign key, so that
-- the job can load zones into a database that was never seeded.
CREATE TABLE countries (
    code text PRIMARY KEY CHECK (code ~ '^[A-Z]{2}$'),
    name text NOT NULL
);

CREATE TABLE areas (
    name  text PRIMARY KEY,
    title text NOT NULL
);
