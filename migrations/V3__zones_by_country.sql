-- `/zones?country=CH` looks zones up from the country's side; the primary key serves the other.
CREATE INDEX zone_countries_country ON zone_countries (country, position);
