-- The database of a fleet and what its account may do, run as an administrator. Choose a password, and the hosts it may come from. CREATE,
-- ALTER and INDEX are for `baton migrate`, and for instances that create their tables themselves (store.migrate, the default).
CREATE DATABASE IF NOT EXISTS baton;
CREATE USER IF NOT EXISTS 'baton'@'%' IDENTIFIED BY 'choose-a-password';
GRANT SELECT, INSERT, UPDATE, DELETE ON baton.* TO 'baton'@'%';
GRANT CREATE, ALTER, INDEX ON baton.* TO 'baton'@'%';
-- Of group replication, and of MySQL only:
-- GRANT SELECT ON performance_schema.replication_group_members TO 'baton'@'%';
