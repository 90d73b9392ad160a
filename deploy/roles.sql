-- The three logins of Course Companion, made by deployment and not by migrations. For psql, as a superuser; may be run
-- again at any time, and sets the passwords anew when it is.
--
--   course_owner           owns the database and every table; migrations log in as it
--   core_service           core's own login
--   intelligence_service   intelligence's own login
--
-- The services' rights on tables are set after each migration (migrations/grants.py); they may create nothing.
--
-- Passwords are given as environment variables, so that they stand in no process list, or as psql variables
-- (-v owner_password=...). With -v database=NAME that database is made too and given to the owner.

\set ON_ERROR_STOP on

\if :{?owner_password}
\else
    \getenv owner_password OWNER_PASSWORD
\endif
\if :{?core_password}
\else
    \getenv core_password CORE_PASSWORD
\endif
\if :{?intelligence_password}
\else
    \getenv intelligence_password INTELLIGENCE_PASSWORD
\endif

SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name)
FROM unnest(ARRAY['course_owner', 'core_service', 'intelligence_service']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE course_owner PASSWORD :'owner_password';
ALTER ROLE core_service PASSWORD :'core_password';
ALTER ROLE intelligence_service PASSWORD :'intelligence_password';

ALTER ROLE course_owner SET timezone = 'UTC';
ALTER ROLE core_service SET timezone = 'UTC';
ALTER ROLE intelligence_service SET timezone = 'UTC';

\if :{?database}
    SELECT format('CREATE DATABASE %I OWNER course_owner', :'database')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
    \gexec
    ALTER DATABASE :"database" OWNER TO course_owner;
    ALTER DATABASE :"database" SET timezone = 'UTC';
    REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
    GRANT CONNECT ON DATABASE :"database" TO core_service, intelligence_service;
    \connect :database
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
\endif
