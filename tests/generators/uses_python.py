"""A client that openapi-python-client generated, at work: `uses_python.py URL PHOTO`."""

import sys
import time
from io import BytesIO
from pathlib import Path

from eyedex_client import AuthenticatedClient
from eyedex_client.api.items import get_item, list_items
from eyedex_client.api.jobs import create_job, get_job
from eyedex_client.api.queries import classify, search
from eyedex_client.api.uploads import create_upload, put_upload_file
from eyedex_client.models import (
    ClassifyAnswer,
    IndexJob,
    Item,
    ItemPage,
    Job,
    NewUpload,
    Problem,
    SearchAnswer,
    SearchForm,
    Upload,
    UploadSource,
)
from eyedex_client.models.classify_request import ClassifyRequest
from eyedex_client.types import UNSET, File, Unset

url, photo = sys.argv[1], Path(sys.argv[2])
name = "generated"
ITEMS = 5_000

with AuthenticatedClient(token="none is needed", base_url=url) as client:
    upload = create_upload.sync(name, client=client, body=NewUpload())
    assert isinstance(upload, Upload), upload
    for number in range(3):
        with photo.open("rb") as file:
            put_upload_file.sync(
                name, upload.id, f"Kind/{number}.jpg", client=client, body=File(payload=file)
            )
    rows = (f"item-{number},Kind/{number % 3}.jpg,Kind" for number in range(ITEMS))
    table = BytesIO("\n".join(["item_id,image,label", *rows]).encode())
    put_upload_file.sync(name, upload.id, "shop.csv", client=client, body=File(payload=table))
    source = UploadSource(upload=upload.id)
    job = create_job.sync(
        name, client=client, body=IndexJob(kind="index", source=source, encoder="hsv")
    )
    assert isinstance(job, Job), job
    seen = set()
    while job.state not in ("done", "failed"):
        time.sleep(0.1)
        job = get_job.sync(job.id, client=client)
        assert isinstance(job, Job), job
        seen.add((job.stage, job.done, job.total))
    assert (job.state, job.counts["added"]) == ("done", ITEMS), job
    assert seen

    with photo.open("rb") as file:
        form = SearchForm(image=File(payload=file, file_name="photo.jpg"), k=2)
        found = search.sync(name, client=client, body=form)
    assert isinstance(found, SearchAnswer), found
    assert len(found.neighbors) == 2
    first = found.neighbors[0].item_id
    classified = classify.sync(name, client=client, body=ClassifyRequest(item_id=first))
    assert isinstance(classified, ClassifyAnswer), classified

    ids: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        page = list_items.sync(name, client=client, limit=500, cursor=cursor)
        assert isinstance(page, ItemPage), page
        ids += [item.item_id for item in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert len(set(ids)) == len(ids) == ITEMS
    assert isinstance(get_item.sync(name, ids[0], client=client), Item)

    problem = get_item.sync(name, "unknown", client=client)
    assert isinstance(problem, Problem), problem
    assert (problem.status, problem.code) == (404, "item_not_found")
print("passed")
