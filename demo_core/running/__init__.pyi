from .batch import Batch as Batch
from .batch import Result as Result
from .batch import RunRandom as RunRandom
from .compute import labels_for as labels_for
from .explain import explain_rows as explain_rows
from .job import make_job as make_job
from .run import explain_to_file as explain_to_file
from .source_digests import editable_source as editable_source
