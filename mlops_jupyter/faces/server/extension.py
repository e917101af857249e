"""What jupyter_server loads: the routes, and where kernels learn of them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from jupyter_server.utils import url_path_join

from ... import __version__, settings
from ...errors import MlopsError
from .endpoints import endpoint_routes
from .forks import Forks
from .job_routes import job_routes
from .jobs import Jobs
from .live import live_routes
from .routes import JOBS, NAMESPACE, root_of, routes

# What kernels, terminals and verbs inherit: the server's path and directory, and the project around that directory.
SERVER_URL, SERVER_ROOT = "MLOPS_JUPYTER_SERVER_URL", "MLOPS_JUPYTER_SERVER_ROOT"
SERVER_PROJECT = "MLOPS_JUPYTER_SERVER_PROJECT"
# In the configuration of each page: by it the front end knows that this half is there, without a request that may fail.
PAGE_OPTION = "mlopsJupyter"


def _load_jupyter_server_extension(app: Any) -> None:
    """Add the routes to a server that starts."""
    base = app.web_app.settings["base_url"]

    def active() -> None:
        app.web_app.settings["api_last_activity"] = datetime.now(UTC)

    app.web_app.settings[JOBS] = Jobs(Forks(app.log), active)
    app.web_app.settings.setdefault("page_config_data", {})[PAGE_OPTION] = __version__
    found = [*routes(base), *job_routes(base), *live_routes(base), *endpoint_routes(base)]
    app.web_app.add_handlers(".*$", found)
    root = root_of(app.web_app.settings)
    os.environ[SERVER_URL], os.environ[SERVER_ROOT] = base, str(root)
    # Not that of a server in whose terminal this one was started.
    os.environ.pop(SERVER_PROJECT, None)
    try:
        project = settings.find_root(root, os.environ)
    except MlopsError as error:
        # The server is for other work too; a verb says it to who calls one.
        app.log.warning("mlops-jupyter: %s", error)
        return
    os.environ[SERVER_PROJECT] = str(project)
    app.log.info("mlops-jupyter: verbs and endpoints of %s at %s", project, url_path_join(base, NAMESPACE))
