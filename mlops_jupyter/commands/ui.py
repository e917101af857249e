"""``ui``: a tool's web pages, inside Jupyter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from .. import registry, settings
from ..protocols import Reporter, ServedPage, Silent, TrackingUi
from ..records import WebPage
from . import project

_REACH_TIMEOUT_S = 4.0
_USUAL_START_S = 20.0


def ui(
    tool: Literal["mlflow", "tensorboard"] = "mlflow",
    *,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> WebPage:
    """Open a tool's web pages inside Jupyter.

    For a store in files a server is started on this machine, on loopback, behind a token; it is found again by
    every later kernel and ends when nobody has used it for an hour. A store behind a server has its pages there.
    TensorBoard shows the runs that were tracked with --tensorboard, while they run too.

    Parameters
    ----------
    tool
        Whose pages.
    reporter
        Where progress is told while a server starts.

    Returns
    -------
    WebPage
        The address on this machine, and the one below the Jupyter server, right under JupyterHub and Binder too.

    Raises
    ------
    Unavailable
        When the pages could not be started, with the server's own words; or the store's server is down.
    MissingDependency
        When TensorBoard is not installed.
    """
    current = settings.current()
    if tool == "tensorboard":
        pages = _pages(tool)
        source = str(current.event_files)
        page = pages.open(source, current.prepare_state(), _waiting("TensorBoard", reporter))
        shown = project.shown_path(current, current.event_files)
        return _served("TensorBoard", page, page.path, f"it shows {shown}, {page.detail}")
    store = project.tracking(current)
    if store.uri.startswith(("http://", "https://")):
        store.reach(_REACH_TIMEOUT_S)
        place = store.page(project.experiment(current, store))
        return WebPage("MLflow", f"{store.shown_uri.rstrip('/')}/{place}", detail="the tracking server's own pages")
    page = _pages(tool).open(store.uri, current.prepare_state(), _waiting("MLflow", reporter))
    return _served("MLflow", page, page.path + store.page(project.experiment(current, store)), page.detail)


def _pages(tool: str) -> TrackingUi:
    return cast("TrackingUi", registry.load("tracking_ui", tool)())


def _waiting(title: str, reporter: Reporter) -> Callable[[float, float], None]:
    def waiting(passed: float, limit: float) -> None:
        # A start takes seconds, the limit is far away: the bar shows the former.
        done = _USUAL_START_S if passed >= limit else min(passed, _USUAL_START_S - 1)
        reporter.progress(f"{title} starts", done, _USUAL_START_S)

    return waiting


def _served(title: str, page: ServedPage, path: str, detail: str) -> WebPage:
    base = project.notebook_host().server_url()
    proxied = None if base is None else f"{base}proxy/{page.port}{path}"
    return WebPage(title, f"http://127.0.0.1:{page.port}{path}", proxied, detail)
