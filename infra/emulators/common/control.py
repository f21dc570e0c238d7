"""The part of the control API that every emulator has: planned faults over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import FAULTS_PATH, parse_fault

if TYPE_CHECKING:
    from starlette.requests import Request

    from .faults import Plan


def fault_routes(plan: Plan) -> list[Route]:
    """Return the control API of a plan: POST adds a rule, GET lists all, DELETE removes all or one (`id`)."""

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                return JSONResponse({"id": plan.add(parse_fault(await request.json()))}, 201)
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
        if request.method == "DELETE":
            one = request.query_params.get("id")
            if one is None:
                plan.clear()
            elif one.isdecimal():
                plan.remove(int(one))
            else:
                return JSONResponse({"error": f"id: expected the number of a rule, found {one!r}"}, 400)
            return Response(status_code=204)
        return JSONResponse({"faults": plan.documents(), "kinds": dict(plan.kinds)})

    return [Route(FAULTS_PATH, faults, methods=["GET", "POST", "DELETE"])]
