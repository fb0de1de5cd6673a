-- What the account of a fleet may do, run as an administrator. CREATE, ALTER and INDEX are for `baton migrate`, and for instances that
-- create their tables themselves (store.migrate, the default); the last line is for group replication, and for MySQL only.
GRANT SELECT, INSERT, UPDATE, DELETE ON baton.* TO 'baton'@'%';
GRANT CREATE, ALTER, INDEX ON baton.* TO 'baton'@'%';
GRANT SELECT ON performance_schema.replication_group_members TO 'baton'@'%';
