"""Objects in S3: settings, client, the embedded server, run stores, datasets on a node."""
