"""Object storage by others, `moto`, with a bucket `lab` of the files in FOLDER. It takes the key ID and SECRET alone, in
requests whose address botocore would have signed in the same way.

    object_store.py FOLDER ID SECRET
"""
import os
import sys
import threading
from urllib.parse import parse_qs

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

FOLDER, ID, SECRET = sys.argv[1:]
REGION = "eu-west-1"
moto = DomainDispatcherApplication(create_backend_app)


def is_signed(environ):
    address, _, signature = environ["RAW_URI"].partition("&X-Amz-Signature=")
    query = parse_qs(environ["QUERY_STRING"])
    request = AWSRequest("GET", f"http://{environ['HTTP_HOST']}{address}")
    request.context["timestamp"] = query["X-Amz-Date"][0]
    auth = S3SigV4QueryAuth(Credentials(ID, SECRET), "s3", REGION)
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return signature == expected and query["X-Amz-Credential"][0].startswith(f"{ID}/")


def answer(environ, start_response):
    if "X-Amz-Signature" in environ["QUERY_STRING"] and not is_signed(environ):
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>SignatureDoesNotMatch</Code></Error>"]
    return moto(environ, start_response)


server = make_server("127.0.0.1", 0, answer, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.port}"
s3 = boto3.client("s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
s3.create_bucket(Bucket="lab")
for folder, _, names in os.walk(FOLDER):
    for name in names:
        path = os.path.join(folder, name)
        s3.upload_file(path, "lab", os.path.relpath(path, FOLDER))
print(address, flush=True)
sys.stdin.read()
