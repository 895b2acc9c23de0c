from .dataset import NO_SPLIT as NO_SPLIT
from .dataset import SequenceDataset as SequenceDataset
from .dataset import take_rows as take_rows
from .importing import import_records as import_records
from .record import SPLITS as SPLITS
from .record import Record as Record
from .record import RecordBlock as RecordBlock
from .splits import ImportSettings as ImportSettings
