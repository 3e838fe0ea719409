-- What the first word of a zone's name means (`Europe` of `Europe/Zurich`). Safe to run again.
INSERT INTO areas (name, title) VALUES
    ('Africa', 'Africa'),
    ('America', 'North and South America'),
    ('Antarctica', 'Antarctica'),
    ('Asia', 'Asia'),
    ('Atlantic', 'Atlantic Ocean'),
    ('Australia', 'Australia'),
    ('Europe', 'Europe'),
    ('Indian', 'Indian Ocean'),
    ('Pacific', 'Pacific Ocean')
ON CONFLICT (name) DO UPDATE SET title = excluded.title;
