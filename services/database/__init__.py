"""PostgreSQL: models, migrations, connections, and a server of our own for one machine."""
