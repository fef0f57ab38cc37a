"""What can be asked of a server, one module a topic: each operation of the API as a method."""

from api.client.operations.collections import CollectionOperations
from api.client.operations.feedback import FeedbackOperations
from api.client.operations.items import ItemOperations
from api.client.operations.jobs import JobOperations
from api.client.operations.queries import QueryOperations
from api.client.operations.uploads import UploadOperations


class Operations(
    QueryOperations,
    ItemOperations,
    CollectionOperations,
    FeedbackOperations,
    UploadOperations,
    JobOperations,
):
    """All of them."""
