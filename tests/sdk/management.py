"""Calls the management API through boto3, and prints what came of each call.

    python3 management.py ENDPOINT CONNECTION GONE

Credentials come from the environment. The last call closes CONNECTION.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

endpoint, connection, gone = sys.argv[1:]


def client(**credentials):
    return boto3.client(
        "apigatewaymanagementapi", endpoint_url=endpoint, region_name="us-east-1", **credentials
    )


def outcome(call):
    try:
        answer = call()
    except ClientError as failed:
        error = failed.response["Error"]
        status = failed.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"status": status, "error": error["Code"], "message": error["Message"]}
    metadata = answer.pop("ResponseMetadata")
    status = metadata["HTTPStatusCode"]
    return {"status": status, "hasRequestId": bool(metadata.get("RequestId")), **answer}


api = client()
stranger = client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x")


def post(data, to=connection):
    return lambda: api.post_to_connection(ConnectionId=to, Data=data)


calls = {
    "post": post("häl=lo".encode()),
    "postBytes": post(b'{"from":"bytes"}'),
    "postLargest": post(b"x" * 131072),
    "postTooLarge": post(b"x" * 131073),
    "postFarTooLarge": post(b"x" * 8000000),
    "get": lambda: api.get_connection(ConnectionId=connection),
    "postGone": post(b"x", gone),
    "postMalformed": post(b"x", "no/pe"),
    "stranger": lambda: stranger.get_connection(ConnectionId=connection),
    "delete": lambda: api.delete_connection(ConnectionId=connection),
    "getDeleted": lambda: api.get_connection(ConnectionId=connection),
    "deleteDeleted": lambda: api.delete_connection(ConnectionId=connection),
}
outcomes = {name: outcome(call) for name, call in calls.items()}
print(json.dumps(outcomes, default=lambda time: time.isoformat(timespec="milliseconds")))
