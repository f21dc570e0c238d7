"""What Cloud Storage's refusals mean: final for this object, the deployment's fault, or passing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api_core import exceptions as api

from shared.adapters.storage_errors import mapped
from shared.core.errors import (
    AlreadyExistsError,
    ChangedError,
    ConfigurationError,
    NotFoundError,
    ObjectRefusedError,
    TransientError,
)

CSEK = "The target object is encrypted by a customer-supplied encryption key."
KMS = "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized."
KMS_OFF = (
    "Cloud KMS key projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1 is not enabled,"
    " current state is: DISABLED."
)
PAYS = "Bucket is a requester pays bucket but no user project provided."
ROLE = "uplook-caption@p.iam.gserviceaccount.com does not have storage.objects.get access to the object."
CASES = [
    (400, "resourceIsEncryptedWithCustomerEncryptionKey", CSEK, ObjectRefusedError),
    (403, "forbidden", KMS, ObjectRefusedError),
    (400, "invalid", KMS_OFF, ObjectRefusedError),
    (412, "conditionNotMet", KMS_OFF, ObjectRefusedError),
    (400, "required", PAYS, ObjectRefusedError),
    (403, "forbidden", ROLE, ConfigurationError),
    (403, "accountDisabled", "The billing account for the owning project is disabled.", ConfigurationError),
    (403, "rateLimitExceeded", "Please slow down.", TransientError),
    (403, "userRateLimitExceeded", "Too much.", TransientError),
    (429, "rateLimitExceeded", "The object exceeded the rate limit.", TransientError),
    (400, "invalid", "Something else.", TransientError),
    (401, "authError", "Invalid Credentials", TransientError),
    (503, "backendError", "Backend Error", TransientError),
    (412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.", ChangedError),
]


def refusal(code: int, reason: str, message: str, *, name: str = "cat.jpg") -> Exception:
    """Return the error of a download: the client puts method, address and body into its message."""
    errors = [{"domain": "global", "reason": reason, "message": message}]
    body = json.dumps({"error": {"code": code, "message": message, "errors": errors}})
    text = f"GET https://storage.googleapis.com/download/storage/v1/b/b/o/{name}?alt=media: {body}: ('Request failed',)"
    error: Exception = api.from_http_status(code, text)
    return error


def meaning(error: Exception, **how: Any) -> Exception:
    with pytest.raises(Exception) as caught, mapped("gs://b/cat.jpg", **how):  # noqa: PT011 - which one is the question
        raise error
    return caught.value


@pytest.mark.fault(122, 123)
@pytest.mark.parametrize(("code", "reason", "message", "kind"), CASES)
def test_a_refusal_means_what_the_table_says(code: int, reason: str, message: str, kind: type[Exception]) -> None:
    found = meaning(refusal(code, reason, message))

    assert type(found) is kind
    assert message in str(found) or kind is ChangedError
    assert "Request failed" not in str(found)


@pytest.mark.parametrize(
    "name", ["requester-pays.jpg", "cryptoKeys", "customer-supplied%20encryption%20key", "slowdown"]
)
def test_an_objects_name_is_no_refusal(name: str) -> None:
    """Whoever uploads chooses it."""
    assert type(meaning(refusal(403, "forbidden", ROLE, name=name))) is ConfigurationError
    text = f"GET http://s/b/o/{name}: nothing more: ('Request failed',)"
    assert type(meaning(api.from_http_status(403, text))) is ConfigurationError


@pytest.mark.fault(130)
def test_a_write_to_a_bucket_that_is_missing_is_the_deployments_fault_and_a_read_finds_nothing() -> None:
    error = refusal(404, "notFound", "The specified bucket does not exist.")

    assert type(meaning(error, precondition=AlreadyExistsError, writes=True)) is ConfigurationError
    assert type(meaning(error)) is NotFoundError


def test_a_key_in_the_words_of_the_service_is_not_told() -> None:
    found = str(meaning(refusal(403, "forbidden", "The key AIzaSyA-0123456789abcdef is refused.")))

    assert "[redacted]" in found
    assert "AIza" not in found


@pytest.mark.parametrize("body", ["[]", "{", '{"error": 5}', '{"error": {"message": 5, "errors": [5, null]}}', "{}"])
def test_a_body_of_another_form_is_quoted(body: str) -> None:
    found = meaning(api.from_http_status(400, f"GET http://s/o: {body}: ('Request failed',)"))

    assert type(found) is TransientError
    assert body in str(found)
