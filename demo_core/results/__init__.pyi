from .explanation import Explanation as Explanation
from .provenance import ExplainerInfo as ExplainerInfo
from .provenance import ModelInfo as ModelInfo
from .provenance import Provenance as Provenance
from .provenance import TargetInfo as TargetInfo
