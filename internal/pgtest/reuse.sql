-- What is added to a template of databases, so that a copy of it can be brought back to how the template was. That takes a
-- hundredth of the time of a new copy.

CREATE SCHEMA pgtest;

-- shape differs where a test has changed anything but rows.
CREATE FUNCTION pgtest.shape() RETURNS text LANGUAGE sql AS $$
  SELECT md5(string_agg(x, ';' ORDER BY x)) FROM (
    SELECT concat_ws(' ', 'relation', relname, relkind, reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'column', c.relname, a.attname, a.atttypid, a.attnotnull) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'trigger', c.relname, t.tgname, t.tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, contype, convalidated) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'function', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  ) AS all_of_it (x)
$$;

-- rows and sequences that the migrations made, by table.
CREATE SCHEMA pgtest_rows;

DO $$
DECLARE
  t text;
  any_row boolean;
BEGIN
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I)', t) INTO any_row;
    IF any_row THEN
      EXECUTE format('CREATE TABLE pgtest_rows.%I AS TABLE public.%I', t, t);
    END IF;
  END LOOP;
END
$$;

CREATE TABLE pgtest.was AS SELECT pgtest.shape() AS shape;
CREATE TABLE pgtest.sequence AS SELECT sequencename AS name, start_value, last_value FROM pg_sequences WHERE schemaname = 'public';

-- reset takes back what a test did; false where it cannot: then the database is made anew. So it is where a test has left so
-- much that dead rows would be in the way of later ones.
CREATE FUNCTION pgtest.reset() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  t text;
BEGIN
  IF pgtest.shape() <> (SELECT shape FROM pgtest.was) OR pg_database_size(current_database()) > 64 << 20 THEN
    RETURN false;
  END IF;
  PERFORM set_config('session_replication_role', 'replica', true); -- no triggers, foreign keys included
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition LOOP
    EXECUTE format('DELETE FROM public.%I', t);
  END LOOP;
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'pgtest_rows'::regnamespace AND relkind = 'r' LOOP
    EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE SELECT * FROM pgtest_rows.%I', t, t);
  END LOOP;
  PERFORM setval(format('public.%I', name)::regclass, coalesce(last_value, start_value), last_value IS NOT NULL) FROM pgtest.sequence;
  RETURN true;
END
$$;
