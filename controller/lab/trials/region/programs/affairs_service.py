"""The small service of the drill: one in each region, keeps numbered rows in the database that it is told to use.

Run as `python -m controller.lab.trials.region.programs.affairs_service STATE NAMESPACE LOCATION`. It takes what the
proxy signed and nothing else. Which database it uses is read from its own variables in the deployment, for every
request.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.errors import CloudError
from controller.lab.iap import signed_tokens
from controller.lab.iap.deployed_access import DeploymentWatcher
from controller.lab.iap.guarded_applications import IapPublicKeys
from controller.lab.services.http_server import one_header, open_listener, read_body, serve_http
from controller.lab.state.layout import Listener
from controller.lab.trials.region.databases.deployed_pair import find_deployed_pair
from controller.lab.trials.region.databases.postgres_instances import DATABASE, PORT, SERVICE
from controller.lab.trials.region.programs.drill_files import DrillPlan, get_plan
from controller.lab.trials.region.region_network import SERVICE_PORT

MOST_NUMBER = 2**53
_TIMES: Mapping[str, Any] = {"connect_timeout": 2, "options": "-c statement_timeout=2000"}


class AffairsService:
    """Answers the requests of one region."""

    def __init__(self, plan: DrillPlan, state: Path, location: str) -> None:
        self._guarded, self._password, self._location = plan.application, plan.database_password, location
        self._keys = IapPublicKeys(state, plan.around)
        world = Path(plan.around.world)
        self._pair = DeploymentWatcher(world, lambda found: find_deployed_pair(found, self._guarded.application))

    async def answer(self, request: Request) -> Response:
        """Keep the row of a request; it is acknowledged when the database has committed it."""
        refused = await self._refuse_stranger(request)
        if refused is not None:
            return refused
        number = get_number(await read_body(request))
        if (request.method, request.scope["path"]) != ("POST", "/rows") or number is None:
            return JSONResponse({"refused": "write a row: POST /rows, a number"}, HTTPStatus.BAD_REQUEST)
        try:
            instance = self._pair.now()[1].find_used_instance(self._location)
            if instance is None:
                return _fail("no database is deployed for this service")
            await asyncio.to_thread(self._insert, instance.address, number)
        except (CloudError, psycopg.Error) as error:
            return _fail(" ".join(str(error).split()))
        return JSONResponse({"number": number, "database": instance.name}, HTTPStatus.CREATED)

    async def _refuse_stranger(self, request: Request) -> Response | None:
        try:
            known = await self._keys.get(self._guarded.host)
            token = one_header(request, signed_tokens.ASSERTION_HEADER)
            signed_tokens.verify_token(token, known, signed_tokens.ISSUER, str(self._guarded.audience))
        except (OSError, HTTPException) as error:
            return _fail(f"no keys of the proxy: {error}")
        except signed_tokens.TokenRefused as error:
            return JSONResponse({"refused": f"assertion: {error}"}, HTTPStatus.UNAUTHORIZED)
        return None

    def _insert(self, address: str, number: int) -> None:
        about = conninfo.make_conninfo(
            host=address, port=PORT, user=SERVICE, password=self._password, dbname=DATABASE, **_TIMES
        )
        with psycopg.connect(about) as connection:
            connection.execute("INSERT INTO rows (number) VALUES (%s)", (number,))


def get_number(body: bytes) -> int | None:
    """Return the number that a request's body is; None where it is none.

    >>> get_number(b"17"), get_number(b"true"), get_number(b"-1"), get_number(b"{")
    (17, None, None, None)
    """
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if type(found) is int and 0 < found < MOST_NUMBER else None


def _fail(why: str) -> Response:
    return JSONResponse({"refused": why}, HTTPStatus.SERVICE_UNAVAILABLE)


def main(state: Path, namespace: str, location: str) -> None:
    """Serve a region of the drill of a folder."""
    plan = get_plan(state)
    address = next(one.address for one in plan.servers if one.location == location)
    listener = Listener(namespace=namespace, address=address, port=SERVICE_PORT, applications=())
    serve_http(AffairsService(plan, state, location).answer, [open_listener(listener)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
