"""gunicorn app:app -c gunicorn_conf.py: four workers, the application loaded before they are forked."""

bind = "127.0.0.1:8000"
workers = 4
worker_class = "uvicorn_worker.UvicornWorker"
preload_app = True  # safe: app.py makes nothing at import that owns a thread or a socket
graceful_timeout = 30


def post_fork(server, worker):
    """For what happens before the application's lifespan; its own call of configure() gets what this one made."""
    from beastmode_otel import configure

    configure(service_name="fastapi-app")
