-- A service's login on a server that is not ours, where it is missing: -v role=NAME, and LOGIN_PASSWORD in the environment.

\getenv password LOGIN_PASSWORD

CREATE ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
ALTER ROLE :"role" SET timezone = 'UTC';
