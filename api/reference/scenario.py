"""The examples of the reference: each operation once, in an order in which they work.

The lines are run, in Python and JavaScript, on the drawn catalog; what the server answered is kept
in `api/examples.json`. `client` is a client of it, `photo.jpg` a photo in the working directory,
which JavaScript has as the Blob `photo`. Lists of suspects and a map were made of it before.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """How an operation is asked for."""

    operation: str
    python: str
    javascript: str


EXAMPLES = (
    Example("healthz", "client.healthz()", "await client.healthz();"),
    Example("readyz", "client.readyz()", "await client.readyz();"),
    Example("getAccess", "client.get_access()", "await client.getAccess();"),
    Example("listEncoders", "client.list_encoders()", "await client.listEncoders();"),
    Example(
        "search",
        'answer = client.search("photo.jpg", k=2, filter="price < 100", facets=["view"])',
        "const answer = await client.search(\n"
        '  { image: photo },\n  { k: 2, filter: "price < 100", facets: ["view"] },\n);',
    ),
    Example(
        "classify",
        'client.classify(query_token=answer["query_token"], k=1)',
        "await client.classify({ query_token: answer.query_token }, { k: 1 });",
    ),
    Example(
        "similar",
        'client.similar("backpack-0001-a", k=1, group_by="product_id")',
        'await client.similar("backpack-0001-a", { k: 1, group_by: "product_id" });',
    ),
    Example(
        "searchBatch",
        'client.search_batch([{"item_id": "backpack-0001-a"}, {"item_id": "unknown"}], k=1)',
        "await client.searchBatch(\n"
        '  [{ item_id: "backpack-0001-a" }, { item_id: "unknown" }],\n  { k: 1 },\n);',
    ),
    Example(
        "classifyBatch",
        'client.classify_batch([{"item_id": "backpack-0001-a"}], k=1)',
        'await client.classifyBatch([{ item_id: "backpack-0001-a" }], { k: 1 });',
    ),
    Example(
        "listItems",
        'client.list_items(filter={"field": "price", "lt": 100}, sort="-price", limit=2)',
        "await client.listItems({\n"
        '  filter: { field: "price", lt: 100 },\n  sort: "-price",\n  limit: 2,\n});',
    ),
    Example(
        "getItem", 'client.get_item("backpack-0001-a")', 'await client.getItem("backpack-0001-a");'
    ),
    Example(
        "getImage",
        'jpeg = client.get_image("backpack-0001-a", size=320)',
        'const jpeg = await client.getImage("backpack-0001-a", { size: 320 });',
    ),
    Example(
        "putItem",
        'client.put_item("toys/robot", "photo.jpg", label="Toys/Robots", '
        'attributes={"price": 19.9})',
        'await client.putItem("toys/robot", photo, {\n'
        '  label: "Toys/Robots",\n  attributes: { price: 19.9 },\n});',
    ),
    Example(
        "patchItem",
        'client.patch_item("toys/robot", product_id="robot", attributes={"price": None})',
        'await client.patchItem("toys/robot", {\n'
        '  product_id: "robot",\n  attributes: { price: null },\n});',
    ),
    Example(
        "batchItems",
        "client.batch_items(\n    [\n"
        '        {"op": "patch", "item_id": "toys/robot", "label": "Toys"},\n'
        '        {"op": "delete", "item_id": "unknown"},\n    ]\n)',
        "await client.batchItems([\n"
        '  { op: "patch", item_id: "toys/robot", label: "Toys" },\n'
        '  { op: "delete", item_id: "unknown" },\n]);',
    ),
    Example(
        "deleteItem", 'client.delete_item("toys/robot")', 'await client.deleteItem("toys/robot");'
    ),
    Example("listCollections", "client.list_collections()", "await client.listCollections();"),
    Example(
        "createCollection",
        'client.create_collection("toys")',
        'await client.createCollection("toys");',
    ),
    Example(
        "getCollection", 'client.get_collection("toys")', 'await client.getCollection("toys");'
    ),
    Example("listLabels", "client.list_labels(limit=2)", "await client.listLabels({ limit: 2 });"),
    Example("listFacets", 'client.list_facets(["view"])', 'await client.listFacets(["view"]);'),
    Example(
        "addFeedback",
        "client.add_feedback(\n    [\n        {\n"
        '            "event": "clicked",\n            "item_id": "backpack-0001-b",\n'
        '            "query_item_id": "backpack-0001-a",\n            "position": 1,\n'
        '            "session": "visit-7",\n            "at": "2026-11-30T06:00:00Z",\n'
        '            "id": "click-1",\n        }\n    ]\n)',
        "await client.addFeedback([\n  {\n"
        '    event: "clicked",\n    item_id: "backpack-0001-b",\n'
        '    query_item_id: "backpack-0001-a",\n    position: 1,\n'
        '    session: "visit-7",\n    at: "2026-11-30T06:00:00Z",\n'
        '    id: "click-1",\n  },\n]);',
    ),
    Example(
        "listFeedback", "client.list_feedback(limit=1)", "await client.listFeedback({ limit: 1 });"
    ),
    Example(
        "deleteFeedback",
        'client.delete_feedback(session="visit-7")',
        'await client.deleteFeedback({ session: "visit-7" });',
    ),
    Example("listClassifiers", "client.list_classifiers()", "await client.listClassifiers();"),
    Example("getCalibration", "client.get_calibration()", "await client.getCalibration();"),
    Example("listGenerations", "client.list_generations()", "await client.listGenerations();"),
    Example(
        "rollBackCollection",
        "try:\n    client.roll_back_collection()\n"
        "except NotFound as error:\n    print(error.code)  # there is nothing before",
        "await client.rollBackCollection().catch(({ code }) => console.log(code));",
    ),
    Example(
        "listMislabelled",
        "client.list_mislabelled(limit=1)",
        "await client.listMislabelled({ limit: 1 });",
    ),
    Example(
        "listOutliers",
        "client.list_outliers(limit=1)",
        "await client.listOutliers({ limit: 1 });",
    ),
    Example("getMap", "client.get_map(sample=3)", "await client.getMap({ sample: 3 });"),
    Example(
        "createUpload",
        'upload = client.create_upload(collection="toys")',
        'const upload = await client.createUpload({ collection: "toys" });',
    ),
    Example(
        "putUploadFile",
        'client.put_upload_file(upload["id"], "Toys/robot.jpg", Path("photo.jpg"), '
        'collection="toys")',
        "await client.putUploadFile(\n"
        '  upload.id, "Toys/robot.jpg", photo, { collection: "toys" },\n);',
    ),
    Example(
        "getUpload",
        'client.get_upload(upload["id"], collection="toys")',
        'await client.getUpload(upload.id, { collection: "toys" });',
    ),
    Example(
        "listUploads",
        'client.list_uploads(collection="toys")',
        'await client.listUploads({ collection: "toys" });',
    ),
    Example(
        "createJob",
        'job = client.create_job("index", source={"upload": upload["id"]}, encoder="hsv", '
        'collection="toys")',
        "const job = await client.createJob(\n"
        '  "index",\n  { source: { upload: upload.id }, encoder: "hsv" },\n'
        '  { collection: "toys" },\n);',
    ),
    Example(
        "watchJob",
        'for event in client.events(job["id"]):\n    print(event["event"], event["data"]["done"])',
        "for await (const { event, data } of client.watchJob(job.id)) {\n"
        "  console.log(event, data.done);\n}",
    ),
    Example("getJob", 'client.get_job(job["id"])', "await client.getJob(job.id);"),
    Example(
        "listJobs",
        'client.list_jobs(collection="toys", state="done", limit=1)',
        'await client.listJobs({ collection: "toys", state: "done", limit: 1 });',
    ),
    Example(
        "getJobRejects",
        "try:\n"
        '    lines = client.get_job_rejects(job["id"])\n'
        "except NotFound:\n    lines = None  # nothing was refused",
        "// null: nothing was refused\n"
        "const lines = await client.getJobRejects(job.id).catch(() => null);",
    ),
    Example(
        "getJobFile",
        'snapshot = client.create_job("snapshot", collection="toys")\n'
        'client.wait(snapshot["id"])\n'
        'client.get_job_file(snapshot["id"], "snapshot.tar")',
        'const snapshot = await client.createJob("snapshot", {}, { collection: "toys" });\n'
        "await client.wait(snapshot.id);\n"
        'await client.getJobFile(snapshot.id, "snapshot.tar");',
    ),
    Example(
        "cancelJob",
        'try:\n    client.cancel_job(job["id"])\nexcept Conflict as error:\n    print(error.code)',
        "await client.cancelJob(job.id).catch(({ code }) => console.log(code));",
    ),
    Example(
        "deleteUpload",
        'other = client.create_upload(collection="toys")\n'
        'client.delete_upload(other["id"], collection="toys")',
        'const other = await client.createUpload({ collection: "toys" });\n'
        'await client.deleteUpload(other.id, { collection: "toys" });',
    ),
    Example(
        "deleteCollection",
        'client.delete_collection("toys", confirm="toys")',
        'await client.deleteCollection("toys", { confirm: "toys" });',
    ),
)
