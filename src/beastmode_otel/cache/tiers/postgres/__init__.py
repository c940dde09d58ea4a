"""The shared, durable store: Postgres, also Supabase's, spoken to by psycopg's libpq, which is imported when it is
configured."""
