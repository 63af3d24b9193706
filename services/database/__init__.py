"""PostgreSQL: models, migrations, connections, and an embedded server for one machine."""
